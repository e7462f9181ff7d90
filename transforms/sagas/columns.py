"""Sagas on columns: the facts that wide event batches hold, the sagas of a table of facts, and their rows.

Pure; both forms of TrackSagas are made of these. A fact costs 4 to 5 µs from its wide batch to its saga, so that the
sagas of a million events add about a tenth to a run's CPU (docs/decisions/0007).
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.saga.facts import CANCELLED_STATUS, SAGA_EVENT_TYPES, SagaFact
from schemas.saga.reducer import Saga
from schemas.saga.transitions import AlertName
from schemas.tables.column import TIMESTAMP
from schemas.tables.definitions import ORDER_SAGAS, SAGA_ALERTS
from transforms.event_batch import TYPED_PREFIX
from transforms.metrics import counter
from transforms.table_rows import TableRows

FACTS = pa.schema(
    [
        ("order_id", pa.string()),
        ("event_time", pa.int64()),
        ("event_id", pa.string()),
        ("event_type", pa.string()),
        ("status", pa.string()),
        ("correlation_id", pa.string()),
        ("payment_id", pa.string()),
        ("reservation_id", pa.string()),
        ("sku", pa.string()),
        ("quantity", pa.int64()),
        ("publish_time", pa.int64()),
    ]
)
"""One fact a row: its order, the fields of a SagaFact in their order, and when its message was published."""
_ABSENT = {"payment_id": "", "reservation_id": "", "sku": "", "quantity": 0}
_SLICE_ROWS = 8192
_EVENT_TYPES = pa.array(sorted(SAGA_EVENT_TYPES))


class OrderFacts(NamedTuple):
    """All facts of one order in a table, and when each of them was published (UTC microseconds)."""

    order_id: str
    facts: list[SagaFact]
    published: list[int]


def saga_facts(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the saga facts of a wide batch; empty if the table holds no events of orders."""
    names = set(rows.schema.names)
    if TYPED_PREFIX + "order_id" not in names:
        return _empty()
    order_ids = rows.column(TYPED_PREFIX + "order_id")
    wanted = pc.and_(pc.is_valid(order_ids), pc.is_in(rows.column("event_type"), _EVENT_TYPES))
    if not wanted.true_count:
        return _empty()
    if wanted.true_count < rows.num_rows:
        rows = rows.filter(wanted)
    columns = []
    for field in FACTS:
        typed = TYPED_PREFIX + field.name
        if field.name == "status":
            columns.append(_cancelled(rows) if typed in names else pa.nulls(rows.num_rows, field.type))
        elif typed in names:
            column = rows.column(typed)
            columns.append(pc.fill_null(column, _ABSENT[field.name]) if field.name in _ABSENT else column)
        elif field.name in _ABSENT:
            columns.append(pa.repeat(pa.scalar(_ABSENT[field.name], field.type), rows.num_rows))
        else:
            columns.append(rows.column(field.name).cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=FACTS)


def _empty() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], FACTS)


def _cancelled(rows: pa.RecordBatch) -> pa.Array:
    """Return CANCELLED for an order.updated with this status, else NULL: no other status is a fact (schemas.saga.facts)."""
    status = rows.column(TYPED_PREFIX + "status")
    cancels = pc.and_kleene(pc.equal(status, CANCELLED_STATUS), pc.equal(rows.column("event_type"), "order.updated"))
    return pc.if_else(pc.fill_null(cancels, False), status, pa.scalar(None, pa.string()))


def split_by_shard(facts: pa.Table, shards: int) -> Iterator[tuple[int, pa.Table]]:
    """Cut facts by the shard of their order: an order has the same shard on every worker and in every run."""
    orders = facts["order_id"].combine_chunks().dictionary_encode()
    by_order = np.array([shard_of(order_id, shards) for order_id in orders.dictionary.to_pylist()], np.int64)
    shard = by_order[orders.indices.to_numpy()]
    order = np.argsort(shard, kind="stable")
    sorted_facts = facts.take(pa.array(order))
    edges = np.searchsorted(shard[order], np.arange(shards + 1))
    for number in range(shards):
        if edges[number + 1] > edges[number]:
            yield number, sorted_facts.slice(edges[number], edges[number + 1] - edges[number])


def shard_of(order_id: str, shards: int) -> int:
    """Return the shard of an order."""
    return zlib.crc32(order_id.encode()) % shards


def by_order(facts: pa.Table) -> Iterator[OrderFacts]:
    """Yield the facts of each order, by order id; a slice of rows at a time is in memory as Python objects."""
    orders = facts["order_id"].combine_chunks().dictionary_encode()
    by_name = pc.array_sort_indices(orders.dictionary)
    ranks = np.empty(len(by_name), np.int64)
    ranks[by_name.to_numpy()] = np.arange(len(by_name))
    rank = ranks[orders.indices.to_numpy()]
    facts = facts.take(pa.array(np.lexsort((facts["event_time"].to_numpy(), rank))))
    ends = np.cumsum(np.bincount(rank, minlength=len(by_name)))
    names, first, start = orders.dictionary.take(by_name).to_pylist(), 0, 0
    while first < len(names):
        last = max(first + 1, int(np.searchsorted(ends, start + _SLICE_ROWS)))
        part = facts.slice(start, int(ends[last - 1]) - start)
        cells = [column.to_pylist() for column in part.columns]
        found, published = list(map(SagaFact._make, zip(*cells[1:10], strict=True))), cells[10]
        at = 0
        for name, end in zip(names[first:last], (ends[first:last] - start).tolist(), strict=True):
            yield OrderFacts(name, found[at:end], published[at:end])
            at = end
        first, start = last, int(ends[last - 1])


def order_saga_rows(sagas: list[Saga], run_id: str) -> TableRows:
    """Return rows of order_sagas."""
    return TableRows(
        ORDER_SAGAS.name,
        pa.RecordBatch.from_arrays(
            [
                pa.array([saga.order_id for saga in sagas], pa.string()),
                pa.array([saga.correlation_id for saga in sagas], pa.string()),
                pa.array([saga.state.value for saga in sagas], pa.string()),
                pa.array([saga.started_time for saga in sagas], TIMESTAMP),
                pa.array([saga.updated_time for saga in sagas], TIMESTAMP),
                pa.array([saga.deadline for saga in sagas], TIMESTAMP),
                pa.array([saga.events for saga in sagas], pa.int64()),
                pa.array([saga.alerts for saga in sagas], pa.list_(pa.string())),
                pa.array([saga.version for saga in sagas], pa.int64()),
                pa.repeat(pa.scalar(run_id, pa.string()), len(sagas)),
            ],
            schema=ORDER_SAGAS.arrow_schema(),
        ),
    )


def saga_alert_rows(sagas: Iterable[Saga], run_id: str) -> TableRows | None:
    """Return rows of saga_alerts for all that the sagas raised, and count them by name; None if there are none.

    What a deadline caused has no event: its event_id is NULL.
    """
    cells = [
        (
            saga.order_id,
            saga.correlation_id,
            alert.name.value,
            alert.time_us,
            None if alert.name is AlertName.SAGA_STUCK else alert.event_id,
            run_id,
        )
        for saga in sagas
        for alert in saga.raised
    ]
    if not cells:
        return None
    names = [name for _, _, name, *_ in cells]
    for name in set(names):
        counter(f"saga_{name}").inc(names.count(name))
    schema = SAGA_ALERTS.arrow_schema()
    columns = zip(zip(*cells, strict=True), schema, strict=True)
    arrays = [pa.array(column, field.type) for column, field in columns]
    return TableRows(SAGA_ALERTS.name, pa.RecordBatch.from_arrays(arrays, schema=schema))
