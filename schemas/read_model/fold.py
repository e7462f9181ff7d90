"""Fold events into one change per key: the newest values with their versions, counts and sums. Pure, in any order.

A change is merged into the stored row by the same rules (schemas/read_model/statements.py), so a batch may be cut
anywhere. Counts and sums are of the events that are given: the caller passes each event id once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.read_model.events import ModelEvent
from schemas.read_model.tables import KeyedColumn, KeyedTable, Rule
from schemas.read_model.versions import NONE, version_of

Key = tuple[str, ...]
_NEGATIVE = "inventory.released"


@dataclass
class Change:
    """What some events change in the row of one key.

    Args:
        key: the key's values.
        values: by column, the newest value, the greatest value, the count or the sum.
        versions: by column of rule NEWEST, the version of its value.
    """

    key: Key
    values: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, bytes] = field(default_factory=dict)


def fold(table: KeyedTable, events: Iterable[ModelEvent]) -> list[Change]:
    """Return one change per key, in the order of the keys: writers that lock rows in one order cannot deadlock.

    Args:
        table: the keyed table.
        events: events of its typed table, each id once, in any order.
    """
    changes: dict[Key, Change] = {}
    for event in events:
        cells = event.cells
        key = tuple(cells[name] or "" for name in table.key)
        change = changes.get(key)
        if change is None:
            change = changes[key] = Change(key)
        version = version_of(cells["event_time"], cells["event_id"])
        for column in table.columns:
            if column.rule is not Rule.KEY:
                _merge(change, column, cells, version)
    return [changes[key] for key in sorted(changes)]


def _merge(change: Change, column: KeyedColumn, cells: dict[str, Any], version: bytes) -> None:
    name, values = column.name, change.values
    if column.rule is Rule.NEWEST:
        value = _value(column, cells)
        if value is not None and version > change.versions.get(name, NONE):
            values[name], change.versions[name] = value, version
    elif column.rule is Rule.LATEST:
        values[name] = max(cells[column.source], values.get(name, cells[column.source]))
    elif column.rule is Rule.COUNT:
        values[name] = values.get(name, 0) + 1
    else:
        quantity = cells[column.source]
        values[name] = values.get(name, 0) + (-quantity if cells["event_type"] == _NEGATIVE else quantity)


def _value(column: KeyedColumn, cells: dict[str, Any]) -> Any:
    """Return the event's value of a column, None if it has none: a list counts if the event carried one, empty or not."""
    if column.event_type is not None and cells["event_type"] != column.event_type:
        return None
    if column.column.repeated and not cells[f"has_{column.source}"]:
        return None
    value = cells[column.source]
    return cells[column.fallback] if value is None and column.fallback is not None else value
