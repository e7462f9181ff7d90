"""Every table of the two datasets, generated from the models and the registry: the one source of all table schemas."""

from schemas.registry import REGISTRY, Registry
from schemas.tables.column import Column, columns_of, snake_case
from schemas.tables.operations import REDRIVES as REDRIVES
from schemas.tables.operations import REPLAYS as REPLAYS
from schemas.tables.operations import RUN_ID as RUN_ID
from schemas.tables.operations import RUNS as RUNS
from schemas.tables.operations import SETTINGS as SETTINGS
from schemas.tables.table import ANALYTICS as ANALYTICS
from schemas.tables.table import EVENT_STORE as EVENT_STORE
from schemas.tables.table import Table as Table
from schemas.tables.table import count as _count
from schemas.tables.table import text as _text
from schemas.tables.table import time as _time

SCHEMA_VERSION = "3"
"""Version of the tables; raised with every change of a column. Run records and the store's settings hold it."""

_IDENTITY = (
    _text("event_id", "the event's UUID, in lower case"),
    _text("event_type", "what happened, one of the registry's names"),
    _time("event_time", "when it happened, by its producer's clock"),
)
_PUBLISHED = _time("publish_time", "when the bus took the message: the message's clock")
_MESSAGE_ID = _text("message_id", "the bus's name of the message")
_CORRELATION = _text("correlation_id", "UUID shared by all events of one business flow")
COMMON = (*_IDENTITY, _PUBLISHED, _MESSAGE_ID, _CORRELATION, RUN_ID)
"""The columns with which every typed table begins."""

EVENTS = Table(
    EVENT_STORE,
    "events",
    "One row per valid event, whole: the event store, from which everything else can be recomputed.",
    (
        *_IDENTITY,
        _text("source", "the service that sent it"),
        _text("topic", "the topic it came on"),
        _text("entity_id", "id of the order, customer, article, payment or device it is about"),
        _CORRELATION,
        Column("causation_id", "STRING", "UUID of the event that caused this one"),
        Column(
            "data",
            "JSON",
            "the event's data, for queries: BigQuery rewrites numbers",
            required=True,
            policy_tag="payload",
        ),
        Column(
            "data_text", "STRING", "the event's data as it came; NULL in rows of schema version 2", policy_tag="payload"
        ),
        Column("extensions", "JSON", "unknown fields of the envelope", policy_tag="payload"),
        Column("notes", "STRING", "notes about the event, from a closed list", repeated=True),
        _MESSAGE_ID,
        _PUBLISHED,
        _time("ingest_time", "when the run that wrote the row began"),
        Column("amount", "NUMERIC", "what the event adds to event_counts.amount"),
        RUN_ID,
    ),
    ("publish_time", "DAY"),
    ("event_type", "entity_id"),
)

DEAD_LETTERS = Table(
    EVENT_STORE,
    "dead_letters",
    "One row per dead letter: the message or the row that failed, whole, and the reason.",
    (
        _text("dead_letter_id", "hash that is equal for the same failure of the same message or row"),
        _time("failed_time", "publish time of the message, or the start of the run if it has none"),
        _text("stage", "the stage of the check that rejected it"),
        _text("error_code", "why, one of the contract's codes"),
        Column("path", "STRING", "the field that was rejected"),
        Column("table_name", "STRING", "stage sink: the table that rejected the row; else NULL"),
        Column("column_name", "STRING", "stage sink: the column that the table named; NULL if it named none"),
        _text("error_message", "why, in words that quote no value"),
        _text("topic", "the topic it came on"),
        Column("message_id", "STRING", "the bus's name of the message"),
        Column("publish_time", "TIMESTAMP", "when the bus took the message"),
        Column("attributes", "JSON", "the message's attributes", policy_tag="payload"),
        Column("payload", "BYTES", "the bytes as they came; the first 64 KiB of a larger one", policy_tag="payload"),
        _count("payload_size", "bytes of the whole payload"),
        _text("payload_sha256", "SHA-256 of the whole payload, in hex"),
        Column("event_id", "STRING", "the event's UUID if it could be read"),
        Column("event_type", "STRING", "the event's type if it could be read"),
        _count("attempt", "1 for the first failure, one more for each redrive"),
        _text("pipeline_version", "the version of the code that rejected it"),
        _time("ingest_time", "when the run that wrote the row began"),
        RUN_ID,
    ),
    ("failed_time", "DAY"),
    ("error_code", "topic"),
)

EVENT_COUNTS = Table(
    ANALYTICS,
    "event_counts",
    "Events and amounts by window and type. Within a run the latest pane of a window wins.",
    (
        _time("window_start", "first instant of the window (event time)"),
        _time("window_end", "first instant after the window"),
        _text("event_type", "what was counted"),
        _count("events", "how many distinct events"),
        Column("amount", "NUMERIC", "sum of payments' amount and created orders' totalAmount"),
        _count("pane", "firing of the window, from 0; the highest wins"),
        RUN_ID,
    ),
    ("window_start", "DAY"),
    ("event_type",),
)

ORDER_SAGAS = Table(
    ANALYTICS,
    "order_sagas",
    "The state of every order's saga; the row with the highest version wins.",
    (
        _text("order_id", "the order"),
        _text("correlation_id", "the flow that the order belongs to"),
        _text("state", "CREATED, RESERVED, PAID, COMPLETED, PAYMENT_FAILED, RELEASED or CANCELLED"),
        _time("started_time", "event time of its first event"),
        _time("updated_time", "event time of its newest event"),
        Column("deadline", "TIMESTAMP", "when the next step is due; NULL once closed"),
        _count("events", "distinct events seen"),
        Column("alerts", "STRING", "alerts raised, in order", repeated=True),
        _count("version", "grows with every fact and deadline of the order"),
        RUN_ID,
    ),
    ("started_time", "DAY"),
    ("order_id",),
)

SAGA_ALERTS = Table(
    ANALYTICS,
    "saga_alerts",
    "Alerts of sagas, each at most once per saga.",
    (
        _text("order_id", "the order"),
        _text("correlation_id", "the flow that the order belongs to"),
        _text("alert", "SAGA_STUCK, SAGA_RECOVERED, COMPENSATION_ORDER or ILLEGAL_TRANSITION"),
        _time("alert_time", "event time at which it became true"),
        Column("event_id", "STRING", "the event that caused it; NULL for a deadline"),
        RUN_ID,
    ),
    ("alert_time", "DAY"),
    ("alert",),
)


def _lag(name: str) -> Column:
    return Column(f"lag_{name}_ms", "FLOAT64", f"event lag in milliseconds, {name}")


PIPELINE_METRICS = Table(
    ANALYTICS,
    "pipeline_metrics",
    "Outcomes and lag of the messages of each window and topic.",
    (
        _time("window_start", "first instant of the window (publish time)"),
        _text("topic", "the topic, one of a closed list"),
        _text("mode", "stream: lag is processed - eventTime; batch: publishTime - eventTime"),
        *(_count(name, f"messages {name}") for name in ("received", "valid", "duplicates", "dead_letters", "late")),
        Column("events_per_second", "FLOAT64", "messages received per second", required=True),
        Column("baseline_events_per_second", "FLOAT64", "median of the windows before; NULL until enough are known"),
        *(_lag(name) for name in ("p50", "p95", "p99", "max")),
        Column("alerts", "STRING", "LAG, THROUGHPUT, DEAD_LETTERS", repeated=True),
        RUN_ID,
    ),
    ("window_start", "DAY"),
    ("topic",),
)


def typed_table(name: str, registry: Registry = REGISTRY) -> Table:
    """Return the typed table of the event types that name it, generated from their models."""
    event_types = registry.by_table()[name]
    by_publish_time = any(event_type.topic == "iot-events" for event_type in event_types)
    return Table(
        ANALYTICS,
        name,
        f"One row per event, its data in typed columns: {', '.join(event_type.name for event_type in event_types)}.",
        (*COMMON, *columns_of([event_type.model for event_type in event_types])),
        ("publish_time", "DAY") if by_publish_time else ("event_time", "MONTH"),
        (snake_case(event_types[0].entity),),
    )


def all_tables(registry: Registry = REGISTRY) -> dict[str, Table]:
    """Return every table by name, the event store's first."""
    fixed = [EVENTS, DEAD_LETTERS, RUNS, SETTINGS, REPLAYS, REDRIVES]
    made = [typed_table(name, registry) for name in registry.by_table()]
    return {t.name: t for t in [*fixed, *made, EVENT_COUNTS, ORDER_SAGAS, SAGA_ALERTS, PIPELINE_METRICS]}


TABLES = all_tables()
DATASET_OF = {table.name: table.dataset for table in TABLES.values()}
