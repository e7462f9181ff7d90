"""SagaHistory: what the stores know of the open orders, for a start of a streaming run whose state is empty.

On a laptop the runner's state dies with it. The typed tables have the facts of an order, `order_sagas` and `saga_alerts`
its state and alerts: so the next start continues with every order (docs/decisions/0008). No column with
personal data is read.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from google.cloud import bigquery

from schemas.registry import REGISTRY
from schemas.saga.facts import CANCELLED_STATUS, SAGA_EVENT_TYPES, SagaFact
from schemas.tables.definitions import ORDER_SAGAS, SAGA_ALERTS, typed_table
from transforms.process_state import SharedValues
from transforms.sagas.columns import shard_of
from transforms.sagas.shard import KnownOrder
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables
from transforms.sources.read_event_store import PAGE_ROWS, Store

_OPTIONAL = ("status", "payment_id", "reservation_id", "sku", "quantity")


@dataclass(frozen=True)
class SagaHistory:
    """The stores that sagas are read from at the start of a run: orders with an event published since `since_us`.

    Each is read with all its facts. All shards of this process are read at once, by one query per start; `read` runs it
    before the run's own rows arrive.
    """

    store: Store
    tables: BigQueryTables
    since_us: int
    name: str = field(default_factory=partial(secrets.token_hex, 8))

    def read(self, shards: int) -> None:
        """Read the orders of all shards."""
        with _READ.locked() as read:
            self._read(read, shards)

    def take(self, shard: int, shards: int) -> list[KnownOrder]:
        """Return the orders of a shard, once; a shard that asks again, after a failed bundle, has them read again."""
        with _READ.locked() as read:
            if (self.name, shard) not in read:
                self._read(read, shards)
            return read.pop((self.name, shard))

    def _read(self, read: dict[tuple[str, int], list[KnownOrder]], shards: int) -> None:
        read.update({(self.name, number): [] for number in range(shards)})
        for order in self.orders():
            read[self.name, shard_of(order.order_id, shards)].append(order)

    def orders(self) -> Iterator[KnownOrder]:
        """Yield the orders."""
        client = self.store.client()
        try:
            recent = f"SELECT order_id FROM facts WHERE published >= {self.since_us}"
            yield from read_orders(client, history_query([self.tables], recent))
        finally:
            client.close()


_READ: SharedValues[tuple[str, int], list[KnownOrder]] = SharedValues()
"""The orders of shards that have not asked for them yet."""


def read_orders(client: bigquery.Client, sql: str) -> Iterator[KnownOrder]:
    """Yield the orders of a `history_query`; a page of rows at a time is in memory."""
    for row in client.query(sql).result(page_size=PAGE_ROWS):
        yield known_order(*row.values())


def known_order(order_id: str, packed: str, alerts: str | None, version: int | None) -> KnownOrder:
    """Return an order from its row of `history_query`."""
    facts, published = [], []
    for line in packed.split("\n"):
        at, publish, event_id, event_type, flow, status, payment_id, reservation_id, sku, quantity = line.split("|")
        facts.append(
            SagaFact(
                int(at), event_id, event_type, status or None, flow, payment_id, reservation_id, sku, int(quantity or 0)
            )
        )
        published.append(int(publish))
    return KnownOrder(order_id, facts, published, frozenset(alerts.split(",") if alerts else ()), version or 0)


def history_query(tables: Sequence[BigQueryTables], orders: str) -> str:
    """Return the query of all facts of some orders, one row per order, with alerts and version from the first tables.

    `orders` is a query of order ids, which may read `facts`: the facts of all the tables. The facts of an order are packed
    into one cell, ten fields per line: a cell costs a client more than a fact. No id holds a separator
    (docs/data-contract.md#event-types).
    """
    raised, newest = (tables[0].name(table.name) for table in (SAGA_ALERTS, ORDER_SAGAS))
    return f"""WITH facts AS ({" UNION ALL ".join(map(_facts, tables))}),
packed AS (
  SELECT order_id, STRING_AGG(fact, '\\n') AS facts FROM facts WHERE order_id IN ({orders}) GROUP BY order_id
),
raised AS (SELECT order_id, STRING_AGG(DISTINCT alert) AS alerts FROM `{raised}` GROUP BY order_id),
newest AS (SELECT order_id, MAX(version) AS version FROM `{newest}` GROUP BY order_id)
SELECT packed.order_id, packed.facts, raised.alerts, newest.version
FROM packed LEFT JOIN raised ON raised.order_id = packed.order_id
LEFT JOIN newest ON newest.order_id = packed.order_id"""


def _facts(tables: BigQueryTables) -> str:
    types = ", ".join(repr(name) for name in sorted(SAGA_EVENT_TYPES))
    parts = []
    for name in REGISTRY.by_table():
        columns = {column.name for column in typed_table(name).columns}
        if "order_id" in columns:
            fields = (
                "CAST(UNIX_MICROS(event_time) AS STRING)", "CAST(UNIX_MICROS(publish_time) AS STRING)", "event_id",
                "event_type", "correlation_id", *(_field(column, columns) for column in _OPTIONAL),
            )  # fmt: skip
            packed = ", '|', ".join(fields)
            parts.append(
                f"SELECT order_id, UNIX_MICROS(publish_time) AS published, CONCAT({packed}) AS fact "
                f"FROM `{tables.name(name)}` WHERE order_id IS NOT NULL AND event_type IN ({types})"
            )
    return " UNION ALL ".join(parts)


def _field(column: str, columns: set[str]) -> str:
    if column not in columns:
        return "''"
    if column == "status":
        cancels = f"event_type = 'order.updated' AND status = '{CANCELLED_STATUS}'"
        return f"IF({cancels}, status, '')"
    return f"IFNULL(CAST({column} AS STRING), '')"
