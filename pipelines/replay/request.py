"""The options of a replay, checked before anything is opened."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.errors import UserError
from pipelines.job import JobOptions, whoami
from pipelines.replay.modes import MODES as MODES
from pipelines.replay.modes import SOURCES as SOURCES
from pipelines.replay.run_records import Claim
from pipelines.replay.shadow import shadow_target
from pipelines.replay.time_range import Range
from pipelines.runners.direct import RUNNERS
from pipelines.stores.target import Target
from pipelines.version import pipeline_version
from schemas.registry import REGISTRY
from schemas.tables.definitions import SCHEMA_VERSION
from transforms.sources.filter_messages import MessageFilter


@dataclass(frozen=True, kw_only=True)
class ReplayRequest:
    """One replay.

    Args:
        target: the live stores.
        mode: one of MODES.
        source: one of SOURCES.
        message_filter: range and filters of the messages.
        job: options of the pipeline's steps.
        run_id: name of the run, taken once.
        started: start of the run, UTC microseconds.
        version: pipeline version that decides (check_version).
        into: dataset of the shadow; for mode shadow only.
        lease_seconds: how long the range stays claimed after the run's last sign of life.
        runner: the Beam runner of the command.
        workers: worker processes of the command.
        skip_damaged: leave out files and hours of the archive that are damaged or missing.
    """

    target: Target
    mode: str
    source: str
    message_filter: MessageFilter
    job: JobOptions
    run_id: str
    started: int
    version: str
    into: str | None = None
    lease_seconds: int = 600
    runner: str = RUNNERS[0]
    workers: int = 1
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        if (self.mode == "shadow") != (self.into is not None):
            raise UserError(f"--into {self.into}: is for --mode shadow, and needed there; the mode is {self.mode}")
        _ = self.shadow  # checks the dataset's name

    @property
    def range(self) -> Range:
        """The range of the messages."""
        return Range(self.message_filter.start, self.message_filter.end, self.message_filter.by)

    @property
    def shadow(self) -> Target | None:
        """The stores of the shadow; None in the other modes."""
        return shadow_target(self.target, self.into) if self.into is not None else None

    @property
    def claim(self) -> Claim:
        """The options of this replay in its run record."""
        return Claim(
            self.run_id,
            self.range,
            self.mode,
            self.source,
            whoami(),
            self.version,
            self._filters(),
            self.into,
            pii_key_version=self.job.pii_key_version,
        )

    def _filters(self) -> dict[str, Any]:
        given = self.message_filter
        filters = {
            "topics": list(given.topics),
            "event_types": list(given.event_types),
            "entity": given.entity,
            "correlation_id": given.correlation_id,
        }
        return {name: value for name, value in filters.items() if value}


def make_filter(
    wanted: Range,
    *,
    topics: Iterable[str] = (),
    event_types: Iterable[str] = (),
    entity: str | None = None,
    correlation_id: str | None = None,
    accept_cloudevents: bool = False,
) -> MessageFilter:
    """Return the filter of a range; UserError for an unknown event type or a correlation id that is no UUID."""
    for name in event_types:
        if REGISTRY.get(name) is None:
            known = ", ".join(event_type.name for event_type in REGISTRY)
            raise UserError(f"--event_types {name}: no such event type; there are {known}")
    flow = _uuid(correlation_id) if correlation_id else None
    return MessageFilter(
        wanted.start, wanted.end, wanted.by, tuple(topics), tuple(event_types), entity, flow, accept_cloudevents
    )


def check_version(required: str | None) -> str:
    """Return the version of this code; UserError if `required` names another.

    `required` is a pipeline version, or pipeline and schema version separated by a slash. A schedule that names it
    fails after an upgrade instead of deciding the past by newer code.
    """
    here = pipeline_version()
    if required is not None and required not in (here, f"{here}/{SCHEMA_VERSION}"):
        raise UserError(
            f"--as_of_version {required}: this is pipeline {here} with schema {SCHEMA_VERSION} ({here}/{SCHEMA_VERSION});"
            " install the required version"
        )
    return here


def _uuid(text: str) -> str:
    try:
        found = str(uuid.UUID(text))
    except ValueError:
        found = ""
    if found != text.lower():
        raise UserError(f"--correlation_id {text}: not a UUID like 7b0d3a5e-0000-4000-8000-000000000002")
    return found
