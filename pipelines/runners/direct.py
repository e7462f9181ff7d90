"""Which Beam runner a bounded run takes, and what its failure may say."""

import logging
import re
import traceback
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.errors import RunFailed

RUNNERS = ("FnApiRunner", "DirectRunner", "PrismRunner")
OWN_PACKAGES = ("schemas", "transforms", "pipelines")
_OWN_ERROR = re.compile(rf"^(?:{'|'.join(OWN_PACKAGES)})\.[\w.]+: (.+)$", re.MULTILINE)
_WHILE_RUNNING = re.compile(r" \[while running '[^']*'\]")
"""What Beam appends to the text of an exception: the label of a step, which says nothing to a user."""


def make_pipeline(runner: str, workers: int, extra: list[str] | None = None) -> beam.Pipeline:
    """Return a pipeline on a runner of this machine. FnApiRunner is pinned: DirectRunner looks for another."""
    flags = [*(extra or [])]
    if workers > 1:
        flags += [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing"]
    options = PipelineOptions(flags, save_main_session=False)
    return beam.Pipeline(runner=FnApiRunner() if runner == "FnApiRunner" else runner, options=options)


def run_to_end(pipeline: beam.Pipeline) -> Any:
    """Run a pipeline and return its result; raise RunFailed, whose text quotes no data, where it fails."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from None
        raise RunFailed(describe(error)) from error
    return result


def was_interrupted(error: BaseException | None) -> bool:
    """Tell whether an error is Ctrl-C in disguise: Beam wraps what a step raises in an error of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def describe(error: BaseException) -> str:
    """Say where a run failed: the innermost line of our code and the kind of error; no text that could hold data."""
    if isinstance(error, (RunFailed, TimeoutError)) or type(error).__module__.split(".")[0] in OWN_PACKAGES:
        return f"the run failed: {_WHILE_RUNNING.sub('', str(error))}"
    if own := _OWN_ERROR.findall(str(error)):  # raised in a worker process: the runner hands on its traceback as text
        return f"the run failed: {_WHILE_RUNNING.sub('', own[-1])}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if any(f"/{package}/" in frame.filename for package in OWN_PACKAGES) and "site-packages" not in frame.filename
    ]
    where = f" at {frames[-1].filename.rsplit('/', 2)[-2]}/{frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"the run failed: {type(error).__name__}{where}"


def counters(result: Any) -> dict[str, int]:
    """Return the committed counters of namespace `pipeline`."""
    query = result.metrics().query()
    found: dict[str, int] = {}
    for one in query["counters"]:
        if one.key.metric.namespace == "pipeline":
            found[one.key.metric.name] = found.get(one.key.metric.name, 0) + one.committed
    return found
