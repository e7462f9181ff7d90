"""The command `schema`: print the contract of one event type, for producers and for readers of the tables."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from pipelines.errors import UserError
from pipelines.suggest import did_you_mean
from schemas.docs.examples import example_event
from schemas.docs.json_schema import event_json_schema
from schemas.registry import REGISTRY, EventType, Registry
from schemas.tables.definitions import typed_table

RENDERED: dict[str, Callable[[EventType, Registry], Any]] = {
    "jsonschema": lambda event_type, _registry: event_json_schema(event_type),
    "avro": lambda event_type, registry: typed_table(event_type.table, registry).avro_schema(),
    "bigquery": lambda event_type, registry: typed_table(event_type.table, registry).bigquery_fields(),
    "example": lambda event_type, _registry: example_event(event_type),
}
"""What each value of --format prints."""


def run(args: argparse.Namespace) -> int:
    """Print the contract."""
    print(render(args.event_type, args.format))
    return 0


def render(name: str, form: str, registry: Registry = REGISTRY) -> str:
    """Return the contract of an event type as JSON; raise UserError for a type that the registry does not have."""
    event_type = registry.get(name)
    if event_type is None:
        names = [event_type.name for event_type in registry]
        hint = did_you_mean(name, names) or f"; known types: {', '.join(names)}"
        raise UserError(f"EVENT_TYPE {name}: not in the contract{hint}")
    return json.dumps(RENDERED[form](event_type, registry), indent=2, ensure_ascii=False)
