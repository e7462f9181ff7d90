"""Run a batch pipeline on this machine, and describe its failure without quoting data."""

import logging
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.error_text import known_text, place
from pipelines.errors import RunFailed, was_interrupted
from pipelines.runners.names import RUNNERS as RUNNERS


def make_pipeline(runner: str, workers: int, extra: list[str] | None = None) -> beam.Pipeline:
    """Return a pipeline on a runner of this machine. FnApiRunner is pinned: DirectRunner would download Prism."""
    flags = [*(extra or [])]
    if workers > 1:
        flags += [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing"]
    options = PipelineOptions(flags, save_main_session=False)
    return beam.Pipeline(runner=FnApiRunner() if runner == "FnApiRunner" else runner, options=options)


def run_to_end(pipeline: beam.Pipeline) -> Any:
    """Run a pipeline and return its result; raise RunFailed, whose text quotes no data, if it fails."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from None
        raise RunFailed(describe(error)) from error
    return result


def describe(error: BaseException) -> str:
    """Say where a run failed: the text of our own errors; of others the type and the line of our code alone."""
    text = str(error) if isinstance(error, TimeoutError) else known_text(error)
    return f"the run failed: {text or f'{type(error).__name__}{place(error)}'}"


def counters(result: Any) -> dict[str, int]:
    """Return the committed counters of namespace `pipeline`."""
    query = result.metrics().query()
    found: dict[str, int] = {}
    for counter in query["counters"]:
        name = counter.key.metric.name
        if counter.key.metric.namespace == "pipeline":
            found[name] = found.get(name, 0) + counter.committed
    return found
