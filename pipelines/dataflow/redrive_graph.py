"""The redrive template: one worker runs the redrive.

Dead letters are few, and their payload is personal data that must not be part of a job graph. So a worker of the job
reads, repairs and sends them.
"""

import logging
from dataclasses import dataclass, replace

import apache_beam as beam

from pipelines.command_options.requests import read_rules
from pipelines.dataflow.after_all import finish
from pipelines.replay.redrive.request import RedriveRequest
from pipelines.replay.redrive.run import plan_dead_letters, run_redrive
from pipelines.stores.open_stores import open_stores

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunRedrive:
    """The step of the job. The key is fetched and the rules are read where it runs."""

    request: RedriveRequest

    def __call__(self) -> None:
        path = self.request.rules_path
        request = replace(self.request, rules=read_rules("rules", path) if path else None)
        with open_stores(request.target) as endpoints:
            plan = plan_dead_letters(endpoints, request, writes=True)
            for line in plan.lines(examples=False):
                _LOG.info("redrive: %s", line)
            if not plan.empty:
                _LOG.info("redrive: %s", run_redrive(endpoints, request, plan, _LOG.info))


def build_redrive(pipeline: beam.Pipeline, request: RedriveRequest) -> None:
    """Wire the redrive as the job's only step."""
    finish(pipeline, "Redrive", RunRedrive(request))
