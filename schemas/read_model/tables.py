"""The tables of the keyed read model, generated from the typed tables: which event column each column keeps, by which rule.

docs/read-model.md has the rules. `orders`, `customers` and `stock` give the rows of the views `order_current`,
`customer_current` and `stock_level`; `order_sagas` those of `order_saga_current`. A new field of an event model becomes a
column here without a line of code.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from schemas.tables.column import Column
from schemas.tables.definitions import COMMON, ORDER_SAGAS, RUN_ID, typed_table
from schemas.tables.table import count, text, time

READ_MODEL_VERSION = 1
"""Version of the layout; raised with every change that `migrations` cannot see in the columns."""


class Rule(StrEnum):
    """How a column follows from the events of its key."""

    KEY = "key"
    NEWEST = "newest"
    """The newest value that is not null, by (event time, event id)."""
    LATEST = "latest"
    """The greatest value."""
    COUNT = "count"
    """The number of distinct events."""
    SUM = "sum"
    """The sum over distinct events; `inventory.released` counts negative."""


@dataclass(frozen=True, kw_only=True)
class KeyedColumn:
    """One column of a keyed table.

    Args:
        column: its name, type and description.
        rule: how it follows from the events.
        source: the column of the typed table that it reads.
        event_type: the only event type whose value counts; None: all of the typed table.
        fallback: the column that is read if `source` is NULL.
    """

    column: Column
    rule: Rule
    source: str
    event_type: str | None = None
    fallback: str | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name


@dataclass(frozen=True, kw_only=True)
class KeyedTable:
    """One table with a row per key.

    Args:
        name: the table.
        description: one line.
        source: the typed table whose rows it follows.
        columns: its columns, the key first.
        filters: columns that a reader may filter by; each has an index.
        lines: name of the table that holds the repeated column, a row per element; None: no column is repeated.
    """

    name: str
    description: str
    source: str
    columns: tuple[KeyedColumn, ...]
    filters: tuple[str, ...] = ()
    lines: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(keyed.name for keyed in self.columns if keyed.rule is Rule.KEY)

    @property
    def newest(self) -> tuple[KeyedColumn, ...]:
        """The columns that have a version of their own."""
        return tuple(keyed for keyed in self.columns if keyed.rule is Rule.NEWEST)

    @property
    def repeated(self) -> KeyedColumn | None:
        """The column whose elements are rows of `lines`."""
        return next((keyed for keyed in self.columns if keyed.column.repeated), None)


def _newest(source: str, skip: tuple[str, ...]) -> list[KeyedColumn]:
    """Return one column per typed column that is neither skipped nor a flag: the newest value."""
    return [
        KeyedColumn(column=replace(column, required=False), rule=Rule.NEWEST, source=column.name)
        for column in typed_table(source).columns[len(COMMON) :]
        if column.name not in skip and not (column.type == "BOOL" and column.name.startswith("has_"))
    ]


def _key(column: Column) -> KeyedColumn:
    return KeyedColumn(column=replace(column, required=True), rule=Rule.KEY, source=column.name)


def _time_of(name: str, description: str, event_type: str, source: str = "event_time") -> KeyedColumn:
    return KeyedColumn(
        column=time(name, description, required=False),
        rule=Rule.NEWEST,
        source=source,
        event_type=event_type,
        fallback="event_time",
    )


_UPDATED = KeyedColumn(
    column=time("updated_time", "event time of the newest event"), rule=Rule.LATEST, source="event_time"
)
_EVENTS = KeyedColumn(column=count("events", "number of distinct events"), rule=Rule.COUNT, source="event_id")

ORDERS = KeyedTable(
    name="orders",
    description="One row per order: each column is the newest value that is not NULL, by (event time, event id).",
    source="order_events",
    columns=(
        _key(text("order_id", "the order")),
        *_newest("order_events", skip=("order_id", "completed_at")),
        _time_of("created_time", "event time of order.created", "order.created"),
        _UPDATED,
        _time_of(
            "completed_time", "completedAt of order.completed, else its event time", "order.completed", "completed_at"
        ),
        _EVENTS,
    ),
    filters=("customer_id", "status", "currency"),
    lines="order_items",
)

CUSTOMERS = KeyedTable(
    name="customers",
    description="One row per customer: each column is the newest value that is not NULL, by (event time, event id).",
    source="customer_events",
    columns=(
        _key(text("customer_id", "the customer")),
        *_newest("customer_events", skip=("customer_id",)),
        _time_of("registered_time", "event time of customer.registered", "customer.registered"),
        _UPDATED,
        _EVENTS,
    ),
    filters=("country", "type", "status"),
)

STOCK = KeyedTable(
    name="stock",
    description="One row per article and warehouse: the quantity reserved less the quantity released.",
    source="inventory_events",
    columns=(
        _key(text("sku", "the article")),
        _key(text("warehouse_id", "the warehouse; empty for events that name none")),
        KeyedColumn(
            column=Column("reserved", "WHOLE", "quantity reserved less quantity released", required=True),
            rule=Rule.SUM,
            source="quantity",
        ),
        _UPDATED,
    ),
    filters=("sku", "warehouse_id"),
)

KEYED_TABLES = (ORDERS, CUSTOMERS, STOCK)
TABLE_OF = {table.source: table for table in KEYED_TABLES}
"""The keyed table by typed table; `payment_events` has none, its events are in `applied_events` only."""
ORDER_SOURCES = ("order_events", "payment_events", "inventory_events")
SOURCES = (*TABLE_OF, "payment_events")
"""The typed tables whose rows the read model takes."""

SAGAS = ORDER_SAGAS
SAGA_FILTERS = ("state",)
SAGA_ORDER = ("version", "updated_time", RUN_ID.name)
"""The row with the greatest of these wins, as in the view `order_saga_current`."""

APPLIED_EVENTS: tuple[Column, ...] = (
    text("event_id", "the event"),
    text("event_type", "what happened"),
    time("event_time", "when it happened, by its producer's clock"),
    text("order_id", "the order that it is about; NULL if it names none"),
    text("correlation_id", "UUID shared by all events of one business flow"),
    time("publish_time", "when the bus took the message"),
)
"""One row per event that the tables contain: what makes a second delivery, a split batch or a restart change nothing."""
