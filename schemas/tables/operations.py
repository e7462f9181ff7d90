"""Tables of the event store about its operation: run records, the settings of the store, and redrives.

Rows of these tables are only ever inserted. A view gives the current state: `run_states`, `replay_runs`,
`dead_letter_states`.
"""

from schemas.tables.column import Column
from schemas.tables.table import EVENT_STORE, Table, count, text, time

RUN_ID = text("run_id", "the run that wrote the row")

RUNS = Table(
    EVENT_STORE,
    "runs",
    "Run records: one row per change of a run's state. Later rows may leave NULL what did not change; see the view run_states.",
    (
        text("run_id", "the run"),
        time("recorded_time", "when this row was inserted, by the warehouse's clock"),
        text("state", "RUNNING, DONE or FAILED"),
        Column("lease_until", "TIMESTAMP", "a RUNNING run counts as dead after this time unless a later row renews it"),
        text("command", "the command: local, stream, replay, redrive, forget or another that writes"),
        Column("mode", "STRING", "batch or stream; for a replay backfill, rebuild or shadow"),
        Column("range_from", "TIMESTAMP", "first instant of the range; NULL if the run has no range"),
        Column("range_to", "TIMESTAMP", "first instant after the range; NULL if it is open"),
        Column("clock", "STRING", "the clock of the range: publish_time or event_time"),
        Column("source", "STRING", "what was read: files, subscriptions, archive, events or dead_letters"),
        Column("filters", "STRING", "topics, event types, entity and correlation id of a replay, as JSON text"),
        Column("into_dataset", "STRING", "the dataset of a shadow"),
        Column("owner_user", "STRING", "the user who started the run"),
        Column("owner_host", "STRING", "the machine on which it was started"),
        Column("owner_pid", "INT64", "the id of its process on that machine"),
        Column("started_time", "TIMESTAMP", "when the run started"),
        Column("ended_time", "TIMESTAMP", "when the run ended; NULL while it is RUNNING"),
        Column("pipeline_version", "STRING", "version of the code"),
        Column("schema_version", "STRING", "version of the tables"),
        Column("configuration", "JSON", "the options of the run, without secrets"),
        Column("pii_key_version", "STRING", "version of the key of pseudonyms; NULL if the run has no key"),
        Column("messages", "INT64", "messages read"),
        Column("events", "INT64", "valid events among them"),
        Column("appended", "INT64", "events that the store did not hold before"),
        Column("dead_letters", "INT64", "dead letters that the store did not hold before"),
        Column("hours", "INT64", "hours of counts, features and telemetry that were recomputed"),
        Column("orders", "INT64", "orders whose saga was recomputed"),
        Column(
            "counts",
            "STRUCT",
            "rows per table",
            repeated=True,
            fields=(
                text("table_name", "the table"),
                count("row_count", "rows that the run wrote"),
                count("undelivered", "rows that the table rejected"),
            ),
        ),
        Column("error", "STRING", "why the run failed, without payload text"),
    ),
    ("recorded_time", "DAY"),
    ("run_id",),
)

SETTINGS = Table(
    EVENT_STORE,
    "settings",
    "Settings of the store: one row per change; the newest row by changed_time counts.",
    (
        time("changed_time", "when the settings were changed"),
        count("window_seconds", "width of the windows of counts, features and metrics, in seconds"),
        count(
            "dedup_horizon_seconds", "how long a streaming run remembers an event id, in seconds; 0 before the first"
        ),
        text("schema_version", "version of the tables"),
        Column("pii_key_version", "STRING", "version of the key of pseudonyms; NULL if there is no key"),
        text("run_id", "the run that changed them"),
    ),
    ("changed_time", "DAY"),
    ("run_id",),
)

REPLAYS = Table(
    EVENT_STORE,
    "replays",
    "Run records of replays before schema version 3, one row per change of state. The view replay_runs reads these and runs.",
    (
        text("run_id", "the replay"),
        time("recorded_time", "when this was recorded, by the warehouse's clock"),
        text("state", "RUNNING, DONE or FAILED"),
        Column(
            "lease_until", "TIMESTAMP", "a RUNNING replay counts as dead after this time unless a later row renews it"
        ),
        text("command", "replay or redrive"),
        text("mode", "backfill, rebuild or shadow"),
        text("source", "archive, events or dead_letters"),
        text("clock", "the clock of the range: publish_time or event_time"),
        time("range_start", "first instant of the range"),
        time("range_end", "first instant after the range"),
        text("filters", "topics, event types, entity and correlation id, as JSON text"),
        Column("into_dataset", "STRING", "the dataset of a shadow"),
        Column("messages", "INT64", "messages read"),
        Column("events", "INT64", "valid events among them"),
        Column("appended", "INT64", "events that the store did not hold before"),
        Column("dead_letters", "INT64", "dead letters that the store did not hold before"),
        Column("hours", "INT64", "hours of counts, features and telemetry that were recomputed"),
        Column("orders", "INT64", "orders whose saga was recomputed"),
        text("who", "the user and machine that ran it"),
        text("pipeline_version", "the version of the code that decided"),
        text("schema_version", "the version of the tables"),
        Column("pii_key_version", "STRING", "version of the key of pseudonyms; NULL if the run has no key"),
        Column("error", "STRING", "why it failed"),
    ),
    ("recorded_time", "DAY"),
    ("run_id",),
)

REDRIVES = Table(
    EVENT_STORE,
    "redrives",
    "One row per attempt to redrive a dead letter; the view dead_letter_states gives each letter's current state.",
    (
        text("dead_letter_id", "the dead letter"),
        Column("message_id", "STRING", "the bus's name of its message"),
        time("redriven_time", "when the redrive began"),
        count("attempt", "the attempt that failed before this one"),
        Column("rule", "STRING", "the rule that repaired it; NULL if it was sent unchanged"),
        text("outcome", "RESOLVED, FAILED, SENT or GIVEN_UP"),
        Column("event_id", "STRING", "the event that it became, or will become once sent"),
        Column("next_dead_letter_id", "STRING", "the dead letter that it became again"),
        Column("error_code", "STRING", "why it failed again"),
        RUN_ID,
    ),
    ("redriven_time", "DAY"),
    ("dead_letter_id",),
)
