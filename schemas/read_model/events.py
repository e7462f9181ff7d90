"""Events as the read model takes them: rows of the typed tables with times in microseconds, and what cannot be stored."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.read_model.tables import SAGAS, SOURCES, TABLE_OF
from schemas.tables.definitions import COMMON, RUN_ID, typed_table

NUL = "\x00"
NUL_REASON = "the text holds U+0000, which PostgreSQL cannot store"
_COMMON = tuple(column.name for column in COMMON if column.name not in (RUN_ID.name, "message_id"))
_ENVELOPE = {column.name for column in COMMON}


class ModelEvent(NamedTuple):
    """One event: its typed table and its cells by column; times are UTC microseconds."""

    table: str
    cells: dict[str, Any]

    @property
    def event_id(self) -> str:
        """The event's UUID."""
        return str(self.cells["event_id"])


class Unstorable(NamedTuple):
    """A row that no store takes: its position in the batch, the column and the reason."""

    position: int
    column: str
    reason: str


def model_events(table: str, rows: pa.RecordBatch) -> list[ModelEvent]:
    """Return the rows of a typed table as events; empty for a table that the read model does not take."""
    if table not in SOURCES:
        return []
    names = _columns(table)
    return [ModelEvent(table, cells) for cells in _pylist(rows, names)]


def saga_rows(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows of order_sagas with times in microseconds."""
    return _pylist(rows, [column.name for column in SAGAS.columns])


def unstorable(rows: list[dict[str, Any]]) -> Iterator[Unstorable]:
    """Yield the rows with a text that PostgreSQL cannot hold, so that every store rejects the same rows."""
    for position, cells in enumerate(rows):
        for name, value in cells.items():
            if name != "run_id" and _has_nul(value):
                yield Unstorable(position, name, NUL_REASON)
                break


def _has_nul(value: Any) -> bool:
    return isinstance(value, str) and NUL in value


def _columns(table: str) -> list[str]:
    """Return the columns that are read: the envelope's, and of the typed ones those that a rule or an order id needs."""
    keyed = TABLE_OF.get(table)
    wanted = {"order_id"}
    if keyed is not None:
        for column in keyed.columns:
            wanted |= {column.source, column.fallback or column.source}
            if column.column.repeated:
                wanted.add(f"has_{column.source}")
    typed = [column.name for column in typed_table(table).columns if column.name not in _ENVELOPE]
    return [*_COMMON, *(name for name in typed if name in wanted)]


def _pylist(rows: pa.RecordBatch, names: list[str]) -> list[dict[str, Any]]:
    columns = []
    for name in names:
        column = rows.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        columns.append(column.to_pylist())
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
