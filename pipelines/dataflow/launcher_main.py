"""The entry point for the flex-template launcher: submit a job from its parameters and do not wait for it.

Exit codes: 0 submitted, 1 rejected by Dataflow, 2 wrong parameters (one line).
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from pipelines.dataflow.arguments import split_words, template_of
from pipelines.dataflow.graphs import BUILDERS
from pipelines.dataflow.launch_record import record_launch
from pipelines.dataflow.templates import Template
from pipelines.errors import RunFailed, UserError

_LOGGER = logging.getLogger(__name__)
Before = Callable[[Mapping[str, Any]], dict[str, Any]]
BEFORE_SUBMIT: Mapping[str, Before] = {"streaming": record_launch}
"""Replay claims its range while its graph is built; redrive records itself where it runs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Submit the template's job; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        pipeline = graph(list(sys.argv[1:] if argv is None else argv), before=BEFORE_SUBMIT)
        result = pipeline.run()
    except UserError as mistake:
        print(f"event-pipelines template: {mistake}", file=sys.stderr)
        return 2
    except RunFailed as failure:
        print(f"event-pipelines template: {failure}", file=sys.stderr)
        return 1
    if result is not None and getattr(result, "has_job", False):
        _LOGGER.info("job %s submitted", result.job_id())
    return 0


def graph(words: Sequence[str], before: Mapping[str, Before] | None = None) -> beam.Pipeline:
    """Return the pipeline for the launcher's arguments; raise UserError for a wrong one.

    Args:
        words: the arguments.
        before: by template, what to call before the pipeline is built; it returns the values to build it from.
    """
    template = template_of(words)
    values, beam_words = split_words(template, words)
    options = beam_options(template, beam_words)
    pipeline = beam.Pipeline(options=options)
    try:
        if before is not None and template.name in before:
            values = before[template.name](values)
        BUILDERS[template.name](pipeline, values, options.view_as(GoogleCloudOptions).temp_location or "")
    except ValueError as error:  # transforms check their arguments and name them
        raise UserError(str(error)) from None
    return pipeline


def beam_options(template: Template, words: Sequence[str]) -> PipelineOptions:
    """Return Beam's options: the mode is the template's, workers run this image, and no main session is saved."""
    options = PipelineOptions(list(words))
    options.view_as(SetupOptions).save_main_session = False
    standard = options.view_as(StandardOptions)
    standard.streaming = template.streaming
    standard.runner = standard.runner or "DataflowRunner"
    cloud = options.view_as(GoogleCloudOptions)
    for name in ("project", "region", "job_name", "temp_location"):
        if not getattr(cloud, name):
            raise UserError(f"--{name}: must be given; the launcher does")
    if not options.view_as(WorkerOptions).sdk_container_image:
        raise UserError("--sdk_container_image: must be given; without it workers lack this project's code")
    if template.streaming:
        cloud.enable_streaming_engine = True
    return options
