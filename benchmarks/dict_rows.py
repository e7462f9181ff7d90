"""Build an event's two rows as dicts, as a pipeline with one event per element does."""

from typing import Any

from benchmarks.parquet import RUN_ID
from schemas.event import Event
from schemas.tables.column import snake_case
from schemas.tables.definitions import COMMON, EVENTS, Table

_OWN = {"run_id": RUN_ID, "ingest_time": 0}
_EVENT_NAMES = [column.name for column in EVENTS.columns if column.name not in {*_OWN, "data_text"}]
_COMMON_NAMES = [column.name for column in COMMON if column.name not in _OWN]


def event_row(event: Event) -> dict[str, Any]:
    """Return the event store's row; times stay microseconds, which Arrow takes as they are."""
    row = {name: getattr(event, name) for name in _EVENT_NAMES}
    return {**row, **_OWN, "data_text": event.data, "notes": list(event.notes)}


def typed_row(event: Event, table: Table) -> dict[str, Any]:
    """Return the typed table's row; personal texts are omitted, as in a run without a key."""
    data = {snake_case(name): value for name, value in event.payload.__dict__.items()}
    row: dict[str, Any] = {name: getattr(event, name) for name in _COMMON_NAMES}
    row["run_id"] = RUN_ID
    for column in table.columns[len(COMMON) :]:
        if column.name.startswith("has_"):
            kept = column.name.removeprefix("has_")
            row[column.name] = data[kept] is not None if kept in data else None
        elif column.fields:
            items = data.get(column.name) or []
            row[column.name] = [{snake_case(name): value for name, value in item.__dict__.items()} for item in items]
        else:
            row[column.name] = data.get(column.name)
    return row
