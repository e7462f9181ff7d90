"""What a replay is asked for, checked before anything is opened: run name, version, filters."""

import argparse
import uuid
from typing import Any

from pipelines.errors import UserError
from pipelines.replay.time_range import Range
from pipelines.version import pipeline_version
from schemas.registry import REGISTRY
from schemas.tables.definitions import SCHEMA_VERSION
from transforms.sources.filter_messages import MessageFilter

FILTERS = ("topics", "event_types", "entity", "correlation_id")


def choice_of(args: argparse.Namespace, wanted: Range) -> MessageFilter:
    """Return what the options choose; UserError for what cannot be an event type or a correlation id."""
    for name in args.event_types:
        if REGISTRY.get(name) is None:
            raise UserError(
                f"--event_types {name}: no such event type; there are {', '.join(t.name for t in REGISTRY)}"
            )
    return MessageFilter(
        wanted.start, wanted.end, wanted.by, tuple(args.topics), tuple(args.event_types), args.entity,
        _uuid(args.correlation_id) if args.correlation_id else None, args.accept_cloudevents,
    )  # fmt: skip


def filters_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the filters that were given, as the ledger keeps them."""
    return {name: getattr(args, name) for name in FILTERS if getattr(args, name)}


def deciding_version(asked: str | None) -> str:
    """Return the version of the code that will decide; UserError where another was asked for.

    `asked` is a pipeline version, or pipeline and schema version with a slash between. A schedule that names it never
    lets a newer code decide the past unseen.
    """
    here = pipeline_version()
    if asked is not None and asked not in (here, f"{here}/{SCHEMA_VERSION}"):
        raise UserError(
            f"--as_of_version {asked}: this is pipeline {here} with schema {SCHEMA_VERSION} ({here}/{SCHEMA_VERSION});"
            " install the version that is asked for"
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
