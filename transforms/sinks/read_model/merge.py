"""The steps of one merge, the same for every store: new events first, then the rows of each table in one order."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from schemas.read_model.events import ModelEvent
from schemas.read_model.fold import Change, fold
from schemas.read_model.layout import VERSION_SUFFIX
from schemas.read_model.statements import line_columns, saga_columns, upsert_columns
from schemas.read_model.tables import APPLIED_EVENTS, KEYED_TABLES, SAGA_ORDER, KeyedTable, Rule
from schemas.read_model.versions import NONE
from transforms.sinks.read_model.store import SagaRow

Row = tuple[Any, ...]


class Transaction(Protocol):
    """What a merge needs of an open transaction on one namespace; times are UTC microseconds."""

    def insert_new(self, rows: Sequence[Row]) -> set[str]:
        """Add rows of APPLIED_EVENTS; return the ids of those that were not there."""

    def upsert(self, table: KeyedTable, rows: Sequence[Row]) -> None:
        """Merge rows of `upsert_columns` into a keyed table."""

    def replace_lines(self, table: KeyedTable, keys: Sequence[str], rows: Sequence[Row]) -> None:
        """Delete the lines of keys that are not of their newest list; add rows of `line_columns` that are."""

    def upsert_sagas(self, rows: Sequence[Row]) -> None:
        """Merge rows of `saga_columns`."""


def merge(transaction: Transaction, events: Iterable[ModelEvent], sagas: Iterable[SagaRow]) -> None:
    """Merge events and sagas. Rows are sorted by their keys: writers that lock them in one order cannot deadlock."""
    by_id: dict[str, ModelEvent] = {}
    for event in events:
        by_id.setdefault(event.event_id, event)
    if by_id:
        names = [column.name for column in APPLIED_EVENTS]
        applied = [tuple(by_id[event_id].cells.get(name) for name in names) for event_id in sorted(by_id)]
        new = transaction.insert_new(applied)
        fresh: dict[str, list[ModelEvent]] = {}
        for event_id, event in by_id.items():
            if event_id in new:
                fresh.setdefault(event.table, []).append(event)
        for table in KEYED_TABLES:
            _merge_table(transaction, table, fold(table, fresh.get(table.source, ())))
    if rows := newest_sagas(sagas):
        columns = saga_columns()
        transaction.upsert_sagas([tuple(row[name] for name in columns) for row in rows])


def newest_sagas(sagas: Iterable[SagaRow]) -> list[SagaRow]:
    """Return the newest row of each order, by order id: one statement may change a row once only."""
    newest: dict[str, SagaRow] = {}
    for row in sagas:
        known = newest.get(row["order_id"])
        if known is None or _rank(row) > _rank(known):
            newest[row["order_id"]] = row
    return [newest[order_id] for order_id in sorted(newest)]


def _rank(row: SagaRow) -> Row:
    return tuple(row[name] for name in SAGA_ORDER)


def _merge_table(transaction: Transaction, table: KeyedTable, changes: list[Change]) -> None:
    if not changes:
        return
    transaction.upsert(table, [_upsert_row(table, change) for change in changes])
    repeated = table.repeated
    if repeated is None:
        return
    with_list = [change for change in changes if repeated.name in change.values]
    if with_list:
        inner = line_columns(table)[len(table.key) + 2 :]
        lines = [
            (*change.key, line, change.versions[repeated.name], *(element[name] for name in inner))
            for change in with_list
            for line, element in enumerate(change.values[repeated.name])
        ]
        transaction.replace_lines(table, [change.key[0] for change in with_list], lines)


def _upsert_row(table: KeyedTable, change: Change) -> Row:
    cells: dict[str, Any] = dict(zip(table.key, change.key, strict=True))
    for keyed in table.columns:
        if keyed.rule is Rule.KEY:
            continue
        value = change.values.get(keyed.name)
        cells[keyed.name] = Decimal(value or 0) if keyed.rule is Rule.SUM else value
        cells[keyed.name + VERSION_SUFFIX] = change.versions.get(keyed.name, NONE)
    return tuple(cells[name] for name in upsert_columns(table))
