-- project=P event_store=event_store analytics=analytics envsubst < ddl.sql | bq query --use_legacy_sql=false

CREATE SCHEMA IF NOT EXISTS `${project}`.`${event_store}`
OPTIONS (description = "Events and dead letters, whole: payloads hold personal data, so few may read it.", labels = [("application", "event-pipelines"), ("data", "restricted")]);

CREATE SCHEMA IF NOT EXISTS `${project}`.`${analytics}`
OPTIONS (description = "Typed events, counts, sagas, metrics and the read side, without names, addresses and numbers in clear.", labels = [("application", "event-pipelines"), ("data", "pseudonymous")]);

CREATE TABLE IF NOT EXISTS `${project}`.`${event_store}`.events (
  event_id STRING NOT NULL OPTIONS (description = "the event's UUID, in lower case"),
  event_type STRING NOT NULL OPTIONS (description = "what happened, one of the registry's names"),
  event_time TIMESTAMP NOT NULL OPTIONS (description = "when it happened, by its producer's clock"),
  source STRING NOT NULL OPTIONS (description = "the service that sent it"),
  topic STRING NOT NULL OPTIONS (description = "the topic it came on"),
  entity_id STRING NOT NULL OPTIONS (description = "id of the order, customer, article, payment or device it is about"),
  correlation_id STRING NOT NULL OPTIONS (description = "UUID shared by all events of one business flow"),
  causation_id STRING OPTIONS (description = "UUID of the event that caused this one"),
  data JSON NOT NULL OPTIONS (description = "the event's data, for queries: BigQuery rewrites numbers"),
  data_text STRING OPTIONS (description = "the event's data as it came; NULL in rows of schema version 2"),
  extensions JSON OPTIONS (description = "unknown fields of the envelope"),
  notes ARRAY<STRING> OPTIONS (description = "notes about the event, from a closed list"),
  message_id STRING NOT NULL OPTIONS (description = "the bus's name of the message"),
  publish_time TIMESTAMP NOT NULL OPTIONS (description = "when the bus took the message: the message's clock"),
  ingest_time TIMESTAMP NOT NULL OPTIONS (description = "when the run that wrote the row began"),
  amount NUMERIC OPTIONS (description = "what the event adds to event_counts.amount"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(publish_time)
CLUSTER BY event_type, entity_id
OPTIONS (description = "One row per valid event, whole: the event store, from which everything else can be recomputed.");

CREATE TABLE IF NOT EXISTS `${project}`.`${event_store}`.dead_letters (
  dead_letter_id STRING NOT NULL OPTIONS (description = "hash that is equal for the same failure of the same message or row"),
  failed_time TIMESTAMP NOT NULL OPTIONS (description = "publish time of the message, or the start of the run if it has none"),
  stage STRING NOT NULL OPTIONS (description = "the stage of the check that rejected it"),
  error_code STRING NOT NULL OPTIONS (description = "why, one of the contract's codes"),
  path STRING OPTIONS (description = "the field that was rejected"),
  table_name STRING OPTIONS (description = "stage sink: the table that rejected the row; else NULL"),
  column_name STRING OPTIONS (description = "stage sink: the column that the table named; NULL if it named none"),
  error_message STRING NOT NULL OPTIONS (description = "why, in words that quote no value"),
  topic STRING NOT NULL OPTIONS (description = "the topic it came on"),
  message_id STRING OPTIONS (description = "the bus's name of the message"),
  publish_time TIMESTAMP OPTIONS (description = "when the bus took the message"),
  attributes JSON OPTIONS (description = "the message's attributes"),
  payload BYTES OPTIONS (description = "the bytes as they came; the first 64 KiB of a larger one"),
  payload_size INT64 NOT NULL OPTIONS (description = "bytes of the whole payload"),
  payload_sha256 STRING NOT NULL OPTIONS (description = "SHA-256 of the whole payload, in hex"),
  event_id STRING OPTIONS (description = "the event's UUID if it could be read"),
  event_type STRING OPTIONS (description = "the event's type if it could be read"),
  attempt INT64 NOT NULL OPTIONS (description = "1 for the first failure, one more for each redrive"),
  pipeline_version STRING NOT NULL OPTIONS (description = "the version of the code that rejected it"),
  ingest_time TIMESTAMP NOT NULL OPTIONS (description = "when the run that wrote the row began"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(failed_time)
CLUSTER BY error_code, topic
OPTIONS (description = "One row per dead letter: the message or the row that failed, whole, and the reason.");

CREATE TABLE IF NOT EXISTS `${project}`.`${event_store}`.runs (
  run_id STRING NOT NULL OPTIONS (description = "the run"),
  recorded_time TIMESTAMP NOT NULL OPTIONS (description = "when this row was inserted, by the warehouse's clock"),
  state STRING NOT NULL OPTIONS (description = "RUNNING, DONE or FAILED"),
  lease_until TIMESTAMP OPTIONS (description = "a RUNNING run counts as dead after this time unless a later row renews it"),
  command STRING NOT NULL OPTIONS (description = "the command: local, stream, replay, redrive, forget or another that writes"),
  mode STRING OPTIONS (description = "batch or stream; for a replay backfill, rebuild or shadow"),
  range_from TIMESTAMP OPTIONS (description = "first instant of the range; NULL if the run has no range"),
  range_to TIMESTAMP OPTIONS (description = "first instant after the range; NULL if it is open"),
  clock STRING OPTIONS (description = "the clock of the range: publish_time or event_time"),
  source STRING OPTIONS (description = "what was read: files, subscriptions, archive, events or dead_letters"),
  filters STRING OPTIONS (description = "topics, event types, entity and correlation id of a replay, as JSON text"),
  into_dataset STRING OPTIONS (description = "the dataset of a shadow"),
  owner_user STRING OPTIONS (description = "the user who started the run"),
  owner_host STRING OPTIONS (description = "the machine on which it was started"),
  owner_pid INT64 OPTIONS (description = "the id of its process on that machine"),
  started_time TIMESTAMP OPTIONS (description = "when the run started"),
  ended_time TIMESTAMP OPTIONS (description = "when the run ended; NULL while it is RUNNING"),
  pipeline_version STRING OPTIONS (description = "version of the code"),
  schema_version STRING OPTIONS (description = "version of the tables"),
  configuration JSON OPTIONS (description = "the options of the run, without secrets"),
  pii_key_version STRING OPTIONS (description = "version of the key of pseudonyms; NULL if the run has no key"),
  messages INT64 OPTIONS (description = "messages read"),
  events INT64 OPTIONS (description = "valid events among them"),
  appended INT64 OPTIONS (description = "events that the store did not hold before"),
  dead_letters INT64 OPTIONS (description = "dead letters that the store did not hold before"),
  hours INT64 OPTIONS (description = "hours of counts, features and telemetry that were recomputed"),
  orders INT64 OPTIONS (description = "orders whose saga was recomputed"),
  counts ARRAY<STRUCT<table_name STRING NOT NULL, row_count INT64 NOT NULL, undelivered INT64 NOT NULL>> OPTIONS (description = "rows per table"),
  error STRING OPTIONS (description = "why the run failed, without payload text")
)
PARTITION BY DATE(recorded_time)
CLUSTER BY run_id
OPTIONS (description = "Run records: one row per change of a run's state. Later rows may leave NULL what did not change; see the view run_states.");

CREATE TABLE IF NOT EXISTS `${project}`.`${event_store}`.settings (
  changed_time TIMESTAMP NOT NULL OPTIONS (description = "when the settings were changed"),
  window_seconds INT64 NOT NULL OPTIONS (description = "width of the windows of counts, features and metrics, in seconds"),
  dedup_horizon_seconds INT64 NOT NULL OPTIONS (description = "how long a streaming run remembers an event id, in seconds; 0 before the first"),
  schema_version STRING NOT NULL OPTIONS (description = "version of the tables"),
  pii_key_version STRING OPTIONS (description = "version of the key of pseudonyms; NULL if there is no key"),
  run_id STRING NOT NULL OPTIONS (description = "the run that changed them")
)
PARTITION BY DATE(changed_time)
CLUSTER BY run_id
OPTIONS (description = "Settings of the store: one row per change; the newest row by changed_time counts.");

CREATE TABLE IF NOT EXISTS `${project}`.`${event_store}`.replays (
  run_id STRING NOT NULL OPTIONS (description = "the replay"),
  recorded_time TIMESTAMP NOT NULL OPTIONS (description = "when this was recorded, by the warehouse's clock"),
  state STRING NOT NULL OPTIONS (description = "RUNNING, DONE or FAILED"),
  lease_until TIMESTAMP OPTIONS (description = "a RUNNING replay counts as dead after this time unless a later row renews it"),
  command STRING NOT NULL OPTIONS (description = "replay or redrive"),
  mode STRING NOT NULL OPTIONS (description = "backfill, rebuild or shadow"),
  source STRING NOT NULL OPTIONS (description = "archive, events or dead_letters"),
  clock STRING NOT NULL OPTIONS (description = "the clock of the range: publish_time or event_time"),
  range_start TIMESTAMP NOT NULL OPTIONS (description = "first instant of the range"),
  range_end TIMESTAMP NOT NULL OPTIONS (description = "first instant after the range"),
  filters STRING NOT NULL OPTIONS (description = "topics, event types, entity and correlation id, as JSON text"),
  into_dataset STRING OPTIONS (description = "the dataset of a shadow"),
  messages INT64 OPTIONS (description = "messages read"),
  events INT64 OPTIONS (description = "valid events among them"),
  appended INT64 OPTIONS (description = "events that the store did not hold before"),
  dead_letters INT64 OPTIONS (description = "dead letters that the store did not hold before"),
  hours INT64 OPTIONS (description = "hours of counts, features and telemetry that were recomputed"),
  orders INT64 OPTIONS (description = "orders whose saga was recomputed"),
  who STRING NOT NULL OPTIONS (description = "the user and machine that ran it"),
  pipeline_version STRING NOT NULL OPTIONS (description = "the version of the code that decided"),
  schema_version STRING NOT NULL OPTIONS (description = "the version of the tables"),
  pii_key_version STRING OPTIONS (description = "version of the key of pseudonyms; NULL if the run has no key"),
  error STRING OPTIONS (description = "why it failed")
)
PARTITION BY DATE(recorded_time)
CLUSTER BY run_id
OPTIONS (description = "Run records of replays before schema version 3, one row per change of state. The view replay_runs reads these and runs.");

CREATE TABLE IF NOT EXISTS `${project}`.`${event_store}`.redrives (
  dead_letter_id STRING NOT NULL OPTIONS (description = "the dead letter"),
  message_id STRING OPTIONS (description = "the bus's name of its message"),
  redriven_time TIMESTAMP NOT NULL OPTIONS (description = "when the redrive began"),
  attempt INT64 NOT NULL OPTIONS (description = "the attempt that failed before this one"),
  rule STRING OPTIONS (description = "the rule that repaired it; NULL if it was sent unchanged"),
  outcome STRING NOT NULL OPTIONS (description = "RESOLVED, FAILED, SENT or GIVEN_UP"),
  event_id STRING OPTIONS (description = "the event that it became, or will become once sent"),
  next_dead_letter_id STRING OPTIONS (description = "the dead letter that it became again"),
  error_code STRING OPTIONS (description = "why it failed again"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(redriven_time)
CLUSTER BY dead_letter_id
OPTIONS (description = "One row per attempt to redrive a dead letter; the view dead_letter_states gives each letter's current state.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.order_events (
  event_id STRING NOT NULL OPTIONS (description = "the event's UUID, in lower case"),
  event_type STRING NOT NULL OPTIONS (description = "what happened, one of the registry's names"),
  event_time TIMESTAMP NOT NULL OPTIONS (description = "when it happened, by its producer's clock"),
  publish_time TIMESTAMP NOT NULL OPTIONS (description = "when the bus took the message: the message's clock"),
  message_id STRING NOT NULL OPTIONS (description = "the bus's name of the message"),
  correlation_id STRING NOT NULL OPTIONS (description = "UUID shared by all events of one business flow"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row"),
  order_id STRING NOT NULL OPTIONS (description = "orderId of the event"),
  customer_id STRING OPTIONS (description = "customerId of the event"),
  items ARRAY<STRUCT<sku STRING NOT NULL, quantity INT64 NOT NULL, unit_price NUMERIC>> OPTIONS (description = "items of the event"),
  has_items BOOL OPTIONS (description = "whether the event carried items"),
  currency STRING OPTIONS (description = "currency of the event"),
  total_amount NUMERIC OPTIONS (description = "totalAmount of the event"),
  status STRING OPTIONS (description = "status of the event"),
  completed_at TIMESTAMP OPTIONS (description = "completedAt of the event")
)
PARTITION BY TIMESTAMP_TRUNC(event_time, MONTH)
CLUSTER BY order_id
OPTIONS (description = "One row per event, its data in typed columns: order.created, order.updated, order.completed.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.customer_events (
  event_id STRING NOT NULL OPTIONS (description = "the event's UUID, in lower case"),
  event_type STRING NOT NULL OPTIONS (description = "what happened, one of the registry's names"),
  event_time TIMESTAMP NOT NULL OPTIONS (description = "when it happened, by its producer's clock"),
  publish_time TIMESTAMP NOT NULL OPTIONS (description = "when the bus took the message: the message's clock"),
  message_id STRING NOT NULL OPTIONS (description = "the bus's name of the message"),
  correlation_id STRING NOT NULL OPTIONS (description = "UUID shared by all events of one business flow"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row"),
  customer_id STRING NOT NULL OPTIONS (description = "customerId of the event"),
  name_hmac STRING OPTIONS (description = "HMAC-SHA256 of name under the run's key; NULL without one"),
  email_hmac STRING OPTIONS (description = "HMAC-SHA256 of email under the run's key; NULL without one"),
  phone_hmac STRING OPTIONS (description = "HMAC-SHA256 of phone under the run's key; NULL without one"),
  country STRING OPTIONS (description = "country of the event"),
  type STRING OPTIONS (description = "type of the event"),
  status STRING OPTIONS (description = "status of the event")
)
PARTITION BY TIMESTAMP_TRUNC(event_time, MONTH)
CLUSTER BY customer_id
OPTIONS (description = "One row per event, its data in typed columns: customer.registered, customer.updated.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.inventory_events (
  event_id STRING NOT NULL OPTIONS (description = "the event's UUID, in lower case"),
  event_type STRING NOT NULL OPTIONS (description = "what happened, one of the registry's names"),
  event_time TIMESTAMP NOT NULL OPTIONS (description = "when it happened, by its producer's clock"),
  publish_time TIMESTAMP NOT NULL OPTIONS (description = "when the bus took the message: the message's clock"),
  message_id STRING NOT NULL OPTIONS (description = "the bus's name of the message"),
  correlation_id STRING NOT NULL OPTIONS (description = "UUID shared by all events of one business flow"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row"),
  sku STRING NOT NULL OPTIONS (description = "sku of the event"),
  quantity INT64 NOT NULL OPTIONS (description = "quantity of the event"),
  order_id STRING OPTIONS (description = "orderId of the event"),
  reservation_id STRING OPTIONS (description = "reservationId of the event"),
  warehouse_id STRING OPTIONS (description = "warehouseId of the event")
)
PARTITION BY TIMESTAMP_TRUNC(event_time, MONTH)
CLUSTER BY sku
OPTIONS (description = "One row per event, its data in typed columns: inventory.reserved, inventory.released.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.payment_events (
  event_id STRING NOT NULL OPTIONS (description = "the event's UUID, in lower case"),
  event_type STRING NOT NULL OPTIONS (description = "what happened, one of the registry's names"),
  event_time TIMESTAMP NOT NULL OPTIONS (description = "when it happened, by its producer's clock"),
  publish_time TIMESTAMP NOT NULL OPTIONS (description = "when the bus took the message: the message's clock"),
  message_id STRING NOT NULL OPTIONS (description = "the bus's name of the message"),
  correlation_id STRING NOT NULL OPTIONS (description = "UUID shared by all events of one business flow"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row"),
  payment_id STRING NOT NULL OPTIONS (description = "paymentId of the event"),
  order_id STRING NOT NULL OPTIONS (description = "orderId of the event"),
  amount NUMERIC NOT NULL OPTIONS (description = "amount of the event"),
  currency STRING NOT NULL OPTIONS (description = "currency of the event"),
  reason STRING OPTIONS (description = "reason of the event")
)
PARTITION BY TIMESTAMP_TRUNC(event_time, MONTH)
CLUSTER BY payment_id
OPTIONS (description = "One row per event, its data in typed columns: payment.processed, payment.failed.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.iot_telemetry (
  event_id STRING NOT NULL OPTIONS (description = "the event's UUID, in lower case"),
  event_type STRING NOT NULL OPTIONS (description = "what happened, one of the registry's names"),
  event_time TIMESTAMP NOT NULL OPTIONS (description = "when it happened, by its producer's clock"),
  publish_time TIMESTAMP NOT NULL OPTIONS (description = "when the bus took the message: the message's clock"),
  message_id STRING NOT NULL OPTIONS (description = "the bus's name of the message"),
  correlation_id STRING NOT NULL OPTIONS (description = "UUID shared by all events of one business flow"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row"),
  device_id STRING NOT NULL OPTIONS (description = "deviceId of the event"),
  metric STRING NOT NULL OPTIONS (description = "metric of the event"),
  value FLOAT64 NOT NULL OPTIONS (description = "value of the event"),
  unit STRING OPTIONS (description = "unit of the event")
)
PARTITION BY DATE(publish_time)
CLUSTER BY device_id
OPTIONS (description = "One row per event, its data in typed columns: iot.telemetry.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.event_counts (
  window_start TIMESTAMP NOT NULL OPTIONS (description = "first instant of the window (event time)"),
  window_end TIMESTAMP NOT NULL OPTIONS (description = "first instant after the window"),
  event_type STRING NOT NULL OPTIONS (description = "what was counted"),
  events INT64 NOT NULL OPTIONS (description = "how many distinct events"),
  amount NUMERIC OPTIONS (description = "sum of payments' amount and created orders' totalAmount"),
  pane INT64 NOT NULL OPTIONS (description = "firing of the window, from 0; the highest wins"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(window_start)
CLUSTER BY event_type
OPTIONS (description = "Events and amounts by window and type. Within a run the latest pane of a window wins.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.order_sagas (
  order_id STRING NOT NULL OPTIONS (description = "the order"),
  correlation_id STRING NOT NULL OPTIONS (description = "the flow that the order belongs to"),
  state STRING NOT NULL OPTIONS (description = "CREATED, RESERVED, PAID, COMPLETED, PAYMENT_FAILED, RELEASED or CANCELLED"),
  started_time TIMESTAMP NOT NULL OPTIONS (description = "event time of its first event"),
  updated_time TIMESTAMP NOT NULL OPTIONS (description = "event time of its newest event"),
  deadline TIMESTAMP OPTIONS (description = "when the next step is due; NULL once closed"),
  events INT64 NOT NULL OPTIONS (description = "distinct events seen"),
  alerts ARRAY<STRING> OPTIONS (description = "alerts raised, in order"),
  version INT64 NOT NULL OPTIONS (description = "grows with every fact and deadline of the order"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(started_time)
CLUSTER BY order_id
OPTIONS (description = "The state of every order's saga; the row with the highest version wins.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.saga_alerts (
  order_id STRING NOT NULL OPTIONS (description = "the order"),
  correlation_id STRING NOT NULL OPTIONS (description = "the flow that the order belongs to"),
  alert STRING NOT NULL OPTIONS (description = "SAGA_STUCK, SAGA_RECOVERED, COMPENSATION_ORDER or ILLEGAL_TRANSITION"),
  alert_time TIMESTAMP NOT NULL OPTIONS (description = "event time at which it became true"),
  event_id STRING OPTIONS (description = "the event that caused it; NULL for a deadline"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(alert_time)
CLUSTER BY alert
OPTIONS (description = "Alerts of sagas, each at most once per saga.");

CREATE TABLE IF NOT EXISTS `${project}`.`${analytics}`.pipeline_metrics (
  window_start TIMESTAMP NOT NULL OPTIONS (description = "first instant of the window (publish time)"),
  topic STRING NOT NULL OPTIONS (description = "the topic, one of a closed list"),
  mode STRING NOT NULL OPTIONS (description = "stream: lag is processed - eventTime; batch: publishTime - eventTime"),
  received INT64 NOT NULL OPTIONS (description = "messages received"),
  valid INT64 NOT NULL OPTIONS (description = "messages valid"),
  duplicates INT64 NOT NULL OPTIONS (description = "messages duplicates"),
  dead_letters INT64 NOT NULL OPTIONS (description = "messages dead_letters"),
  late INT64 NOT NULL OPTIONS (description = "messages late"),
  events_per_second FLOAT64 NOT NULL OPTIONS (description = "messages received per second"),
  baseline_events_per_second FLOAT64 OPTIONS (description = "median of the windows before; NULL until enough are known"),
  lag_p50_ms FLOAT64 OPTIONS (description = "event lag in milliseconds, p50"),
  lag_p95_ms FLOAT64 OPTIONS (description = "event lag in milliseconds, p95"),
  lag_p99_ms FLOAT64 OPTIONS (description = "event lag in milliseconds, p99"),
  lag_max_ms FLOAT64 OPTIONS (description = "event lag in milliseconds, max"),
  alerts ARRAY<STRING> OPTIONS (description = "LAG, THROUGHPUT, DEAD_LETTERS"),
  run_id STRING NOT NULL OPTIONS (description = "the run that wrote the row")
)
PARTITION BY DATE(window_start)
CLUSTER BY topic
OPTIONS (description = "Outcomes and lag of the messages of each window and topic.");

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.events_distinct (
  event_id OPTIONS (description = "the event's UUID, in lower case"),
  event_type OPTIONS (description = "what happened, one of the registry's names"),
  event_time OPTIONS (description = "when it happened, by its producer's clock"),
  source OPTIONS (description = "the service that sent it"),
  topic OPTIONS (description = "the topic it came on"),
  entity_id OPTIONS (description = "id of the order, customer, article, payment or device it is about"),
  correlation_id OPTIONS (description = "UUID shared by all events of one business flow"),
  causation_id OPTIONS (description = "UUID of the event that caused this one"),
  notes OPTIONS (description = "notes about the event, from a closed list"),
  message_id OPTIONS (description = "the bus's name of the message"),
  publish_time OPTIONS (description = "when the bus took the message: the message's clock"),
  ingest_time OPTIONS (description = "when the run that wrote the row began"),
  amount OPTIONS (description = "what the event adds to event_counts.amount"),
  run_id OPTIONS (description = "the run that wrote the row")
)
OPTIONS (description = "One row per event_id, without data and extensions: what readers without access to payloads see of the event store.")
AS
WITH firsts AS (
  SELECT *
  FROM `${project}`.`${event_store}`.events
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, ingest_time, run_id) = 1
)
SELECT
  event_id,
  event_type,
  event_time,
  source,
  topic,
  entity_id,
  correlation_id,
  causation_id,
  notes,
  message_id,
  publish_time,
  ingest_time,
  amount,
  run_id
FROM firsts
WHERE TRUE;

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.customer_current (
  customer_id OPTIONS (description = "the customer"),
  country OPTIONS (description = "the newest country"),
  type OPTIONS (description = "the newest type"),
  status OPTIONS (description = "the newest status that an event gave"),
  registered_time OPTIONS (description = "event time of customer.registered; NULL while only later events have come"),
  updated_time OPTIONS (description = "event time of the newest event"),
  events OPTIONS (description = "distinct events of the customer")
)
OPTIONS (description = "The current state of every customer: each column is the newest value that is not NULL, by (event_time, event_id).")
AS
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.customer_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  customer_id,
  FIRST_VALUE(country IGNORE NULLS) OVER newest AS country,
  FIRST_VALUE(type IGNORE NULLS) OVER newest AS type,
  FIRST_VALUE(status IGNORE NULLS) OVER newest AS status,
  FIRST_VALUE(IF(event_type = 'customer.registered', event_time, NULL) IGNORE NULLS) OVER newest AS registered_time,
  MAX(event_time) OVER newest AS updated_time,
  COUNT(*) OVER newest AS events
FROM retained
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC) = 1
WINDOW newest AS (
  PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
);

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.event_counts_current (
  window_start OPTIONS (description = "first instant of the window (event time)"),
  window_end OPTIONS (description = "first instant after the window, at most 9999-12-31T23:59:59.999999Z"),
  event_type OPTIONS (description = "what was counted"),
  events OPTIONS (description = "how many distinct events"),
  amount OPTIONS (description = "sum of payments' amount and created orders' totalAmount; NULL if no event has one, or if the sum is beyond NUMERIC")
)
OPTIONS (description = "Events and amounts by window and type, exact whatever was delivered twice; windows without events have no row.")
AS
WITH windowed AS (
  SELECT
    DIV(UNIX_MICROS(event_time), 60 * 1000000) * 60 AS start_seconds,
    event_type,
    amount
  FROM `${project}`.`${analytics}`.events_distinct
  WHERE TRUE
)
SELECT
  TIMESTAMP_SECONDS(start_seconds) AS window_start,
  TIMESTAMP_MICROS(LEAST((start_seconds + 60) * 1000000, 253402300799999999)) AS window_end,
  event_type,
  COUNT(*) AS events,
  -- A sum beyond NUMERIC would fail the whole query, for every window.
  SAFE_CAST(SUM(CAST(amount AS BIGNUMERIC)) AS NUMERIC) AS amount
FROM windowed
GROUP BY start_seconds, event_type;

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.order_saga_current (
  order_id OPTIONS (description = "the order"),
  correlation_id OPTIONS (description = "the flow that the order belongs to"),
  state OPTIONS (description = "CREATED, RESERVED, PAID, COMPLETED, PAYMENT_FAILED, RELEASED or CANCELLED"),
  started_time OPTIONS (description = "event time of its first event"),
  updated_time OPTIONS (description = "event time of its newest event"),
  deadline OPTIONS (description = "when the next step is due; NULL once closed"),
  events OPTIONS (description = "distinct events seen"),
  alerts OPTIONS (description = "alerts raised, in order"),
  version OPTIONS (description = "grows with every fact and deadline of the order"),
  run_id OPTIONS (description = "the run that wrote the row")
)
OPTIONS (description = "The current state of every order's saga: the row with the highest version.")
AS
SELECT
  order_id,
  correlation_id,
  state,
  started_time,
  updated_time,
  deadline,
  events,
  alerts,
  version,
  run_id
FROM `${project}`.`${analytics}`.order_sagas
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY version DESC, updated_time DESC, run_id DESC) = 1;

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.order_current (
  order_id OPTIONS (description = "the order"),
  customer_id OPTIONS (description = "who placed it"),
  status OPTIONS (description = "the newest status text of the producer"),
  state OPTIONS (description = "the state of the order's saga; NULL before it has a row; as of a time, NULL also if the saga has moved on since"),
  currency OPTIONS (description = "ISO 4217 code"),
  total_amount OPTIONS (description = "the newest total"),
  items OPTIONS (description = "the newest list of lines; empty if no event carried one"),
  created_time OPTIONS (description = "event time of order.created; NULL while only later events have come"),
  updated_time OPTIONS (description = "event time of its newest event"),
  completed_time OPTIONS (description = "when it was completed, by order.completed: its completedAt, else its event time"),
  events OPTIONS (description = "distinct events of the order")
)
OPTIONS (description = "The current state of every order: each column is the newest value that is not NULL, by (event_time, event_id).")
AS
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.order_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
),
orders AS (
  SELECT
    order_id,
    FIRST_VALUE(customer_id IGNORE NULLS) OVER newest AS customer_id,
    FIRST_VALUE(status IGNORE NULLS) OVER newest AS status,
    FIRST_VALUE(currency IGNORE NULLS) OVER newest AS currency,
    FIRST_VALUE(total_amount IGNORE NULLS) OVER newest AS total_amount,
    IFNULL(FIRST_VALUE(IF(has_items, items, NULL) IGNORE NULLS) OVER newest, []) AS items,
    FIRST_VALUE(IF(event_type = 'order.created', event_time, NULL) IGNORE NULLS) OVER newest AS created_time,
    MAX(event_time) OVER newest AS updated_time,
    FIRST_VALUE(
      IF(event_type = 'order.completed', IFNULL(completed_at, event_time), NULL) IGNORE NULLS
    ) OVER newest AS completed_time,
    COUNT(*) OVER newest AS events
  FROM retained
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY event_time DESC, event_id DESC) = 1
  WINDOW newest AS (
    PARTITION BY order_id ORDER BY event_time DESC, event_id DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
),
sagas AS (
  SELECT order_id, state
  FROM (
    SELECT order_id, state, updated_time AS event_time
    FROM `${project}`.`${analytics}`.order_saga_current
  )
  WHERE TRUE
)
SELECT
  orders.order_id,
  orders.customer_id,
  orders.status,
  sagas.state,
  orders.currency,
  orders.total_amount,
  orders.items,
  orders.created_time,
  orders.updated_time,
  orders.completed_time,
  orders.events
FROM orders
LEFT JOIN sagas ON sagas.order_id = orders.order_id;

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.revenue_by_day (
  day OPTIONS (description = "the UTC day of the payments' event time"),
  currency OPTIONS (description = "ISO 4217 code"),
  amount OPTIONS (description = "sum of the payments; NULL if it is beyond NUMERIC"),
  payments OPTIONS (description = "how many payments")
)
OPTIONS (description = "Revenue per day and currency, from payment.processed, each event counted once.")
AS
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.payment_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE typed.event_type = 'payment.processed'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  DATE(DATETIME(event_time, 'UTC')) AS day,
  currency,
  -- A sum beyond NUMERIC would fail the whole query, for every day.
  SAFE_CAST(SUM(CAST(amount AS BIGNUMERIC)) AS NUMERIC) AS amount,
  COUNT(*) AS payments
FROM retained
WHERE TRUE
GROUP BY day, currency;

CREATE OR REPLACE VIEW `${project}`.`${analytics}`.stock_level (
  sku OPTIONS (description = "the article"),
  warehouse_id OPTIONS (description = "the warehouse; NULL for events that name none"),
  reserved OPTIONS (description = "quantity reserved less quantity released; below zero where more was released than reserved; NULL beyond INT64"),
  updated_time OPTIONS (description = "event time of the newest event")
)
OPTIONS (description = "What is reserved of every article in every warehouse, each event counted once.")
AS
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.inventory_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  sku,
  warehouse_id,
  -- Summed as NUMERIC: two events of nearly 2^63 would else fail the query for every article.
  SAFE_CAST(SUM(CAST(IF(event_type = 'inventory.released', -quantity, quantity) AS NUMERIC)) AS INT64) AS reserved,
  MAX(event_time) AS updated_time
FROM retained
WHERE TRUE
GROUP BY sku, warehouse_id;

CREATE OR REPLACE VIEW `${project}`.`${event_store}`.dead_letter_states (
  dead_letter_id OPTIONS (description = "the dead letter"),
  state OPTIONS (description = "open, redriven (sent again, or failed again as another dead letter), resolved (its event or row is stored), or given up"),
  failed_time OPTIONS (description = "the publish time of its message, or the start of the run if it has none"),
  stage OPTIONS (description = "the stage of the check that rejected it"),
  error_code OPTIONS (description = "why, one of the contract's codes"),
  path OPTIONS (description = "the field that was rejected"),
  table_name OPTIONS (description = "stage sink: the table that rejected the row"),
  column_name OPTIONS (description = "stage sink: the column that the table named"),
  topic OPTIONS (description = "the topic it came on"),
  message_id OPTIONS (description = "the bus's name of the message"),
  event_id OPTIONS (description = "the event's UUID if it could be read"),
  event_type OPTIONS (description = "the event's type if it could be read"),
  attempt OPTIONS (description = "1 for the first failure, one more for each redrive"),
  redrives OPTIONS (description = "how often it was sent again"),
  redriven_time OPTIONS (description = "when it was last sent again"),
  rule OPTIONS (description = "the rule that last repaired it"),
  next_dead_letter_id OPTIONS (description = "the dead letter that it became again")
)
OPTIONS (description = "The current state of every dead letter, from what redrives recorded and what the tables hold.")
AS
WITH failures AS (
  SELECT
    dead_letter_id, failed_time, stage, error_code, path, table_name, column_name, topic, message_id, event_id, event_type,
    attempt
  FROM `${project}`.`${event_store}`.dead_letters
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY dead_letter_id ORDER BY ingest_time, run_id) = 1
),
event_rows AS (
  SELECT 'events' AS table_name, event_id
  FROM `${project}`.`${event_store}`.events
  UNION ALL
  SELECT 'order_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.order_events
  UNION ALL
  SELECT 'customer_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.customer_events
  UNION ALL
  SELECT 'inventory_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.inventory_events
  UNION ALL
  SELECT 'payment_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.payment_events
  UNION ALL
  SELECT 'iot_telemetry' AS table_name, event_id
  FROM `${project}`.`${analytics}`.iot_telemetry
),
held AS (
  SELECT DISTINCT event_id FROM event_rows WHERE table_name = 'events'
),
-- A rejected row is delivered once its table holds a row of its event, however it came there. A computed row (counts,
-- sagas) names no event: it is delivered once a redrive has recorded that it was computed again.
delivered AS (
  SELECT DISTINCT table_name, event_id FROM event_rows
  WHERE event_id IN (SELECT event_id FROM failures WHERE stage = 'sink')
),
attempts AS (
  SELECT
    redriven.dead_letter_id,
    COUNTIF(redriven.outcome != 'GIVEN_UP') AS redrives,
    MAX(redriven.redriven_time) AS redriven_time,
    LOGICAL_OR(redriven.outcome = 'RESOLVED' OR (redriven.outcome = 'SENT' AND held.event_id IS NOT NULL)) AS resolved,
    LOGICAL_OR(redriven.outcome = 'GIVEN_UP') AS given_up,
    MAX(redriven.rule) AS rule,
    MAX(redriven.next_dead_letter_id) AS next_dead_letter_id
  FROM `${project}`.`${event_store}`.redrives AS redriven
  LEFT JOIN held ON held.event_id = redriven.event_id
  GROUP BY redriven.dead_letter_id
)
SELECT
  failures.dead_letter_id,
  CASE
    WHEN delivered.event_id IS NOT NULL THEN 'resolved'
    WHEN attempts.dead_letter_id IS NULL THEN 'open'
    WHEN attempts.resolved AND (failures.stage != 'sink' OR failures.event_id IS NULL) THEN 'resolved'
    WHEN attempts.given_up THEN 'given up'
    ELSE 'redriven'
  END AS state,
  failures.failed_time,
  failures.stage,
  failures.error_code,
  failures.path,
  failures.table_name,
  failures.column_name,
  failures.topic,
  failures.message_id,
  failures.event_id,
  failures.event_type,
  failures.attempt,
  IFNULL(attempts.redrives, 0) AS redrives,
  attempts.redriven_time,
  attempts.rule,
  attempts.next_dead_letter_id
FROM failures
LEFT JOIN attempts ON attempts.dead_letter_id = failures.dead_letter_id
LEFT JOIN delivered
  ON failures.stage = 'sink' AND delivered.table_name = failures.table_name AND delivered.event_id = failures.event_id;

CREATE OR REPLACE VIEW `${project}`.`${event_store}`.events_distinct (
  event_id OPTIONS (description = "the event's UUID, in lower case"),
  event_type OPTIONS (description = "what happened, one of the registry's names"),
  event_time OPTIONS (description = "when it happened, by its producer's clock"),
  source OPTIONS (description = "the service that sent it"),
  topic OPTIONS (description = "the topic it came on"),
  entity_id OPTIONS (description = "id of the order, customer, article, payment or device it is about"),
  correlation_id OPTIONS (description = "UUID shared by all events of one business flow"),
  causation_id OPTIONS (description = "UUID of the event that caused this one"),
  data OPTIONS (description = "the event's data, for queries: BigQuery rewrites numbers"),
  data_text OPTIONS (description = "the event's data as it came; NULL in rows of schema version 2"),
  extensions OPTIONS (description = "unknown fields of the envelope"),
  notes OPTIONS (description = "notes about the event, from a closed list"),
  message_id OPTIONS (description = "the bus's name of the message"),
  publish_time OPTIONS (description = "when the bus took the message: the message's clock"),
  ingest_time OPTIONS (description = "when the run that wrote the row began"),
  amount OPTIONS (description = "what the event adds to event_counts.amount"),
  run_id OPTIONS (description = "the run that wrote the row")
)
OPTIONS (description = "One row per event_id, whatever was delivered twice: the first by (publish_time, message_id).")
AS
WITH firsts AS (
  SELECT *
  FROM `${project}`.`${event_store}`.events
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, ingest_time, run_id) = 1
)
SELECT
  event_id,
  event_type,
  event_time,
  source,
  topic,
  entity_id,
  correlation_id,
  causation_id,
  data,
  data_text,
  extensions,
  notes,
  message_id,
  publish_time,
  ingest_time,
  amount,
  run_id
FROM firsts
WHERE TRUE;

CREATE OR REPLACE VIEW `${project}`.`${event_store}`.replay_runs (
  run_id OPTIONS (description = "the replay"),
  state OPTIONS (description = "RUNNING, DONE or FAILED"),
  started_time OPTIONS (description = "when its range was claimed"),
  recorded_time OPTIONS (description = "when its newest row was inserted"),
  lease_until OPTIONS (description = "a RUNNING replay counts as dead after this time"),
  command OPTIONS (description = "replay or redrive"),
  mode OPTIONS (description = "backfill, rebuild or shadow"),
  source OPTIONS (description = "archive, events or dead_letters"),
  clock OPTIONS (description = "the clock of the range"),
  range_start OPTIONS (description = "first instant of the range"),
  range_end OPTIONS (description = "first instant after the range"),
  filters OPTIONS (description = "topics, event types, entity and correlation id, as JSON text"),
  into_dataset OPTIONS (description = "the dataset of a shadow"),
  messages OPTIONS (description = "messages read"),
  events OPTIONS (description = "valid events among them"),
  appended OPTIONS (description = "events that the store did not hold before"),
  dead_letters OPTIONS (description = "dead letters that the store did not hold before"),
  hours OPTIONS (description = "hours of counts, features and telemetry recomputed"),
  orders OPTIONS (description = "orders whose saga was recomputed"),
  who OPTIONS (description = "the user and machine that ran it"),
  pipeline_version OPTIONS (description = "the version of the code that decided"),
  schema_version OPTIONS (description = "the version of the tables"),
  pii_key_version OPTIONS (description = "version of the key of pseudonyms"),
  error OPTIONS (description = "why it failed")
)
OPTIONS (description = "The current state of every replay and redrive, from runs and, before schema version 3, from replays.")
AS
WITH records AS (
  SELECT
    run_id,
    recorded_time,
    state,
    lease_until,
    command,
    mode,
    source,
    clock,
    range_start,
    range_end,
    filters,
    into_dataset,
    messages,
    events,
    appended,
    dead_letters,
    hours,
    orders,
    who,
    pipeline_version,
    schema_version,
    pii_key_version,
    error
  FROM `${project}`.`${event_store}`.replays
  UNION ALL
  SELECT
    run_id,
    recorded_time,
    state,
    lease_until,
    command,
    mode,
    source,
    clock,
    range_from AS range_start,
    range_to AS range_end,
    filters,
    into_dataset,
    messages,
    events,
    appended,
    dead_letters,
    hours,
    orders,
    owner_user || '@' || owner_host AS who,
    pipeline_version,
    schema_version,
    pii_key_version,
    error
  FROM `${project}`.`${event_store}`.runs
  WHERE command IN ('replay', 'redrive')
)
SELECT
  run_id,
  state,
  MIN(recorded_time) OVER newest AS started_time,
  recorded_time,
  lease_until,
  FIRST_VALUE(command IGNORE NULLS) OVER newest AS command,
  FIRST_VALUE(mode IGNORE NULLS) OVER newest AS mode,
  FIRST_VALUE(source IGNORE NULLS) OVER newest AS source,
  FIRST_VALUE(clock IGNORE NULLS) OVER newest AS clock,
  FIRST_VALUE(range_start IGNORE NULLS) OVER newest AS range_start,
  FIRST_VALUE(range_end IGNORE NULLS) OVER newest AS range_end,
  FIRST_VALUE(filters IGNORE NULLS) OVER newest AS filters,
  FIRST_VALUE(into_dataset IGNORE NULLS) OVER newest AS into_dataset,
  FIRST_VALUE(messages IGNORE NULLS) OVER newest AS messages,
  FIRST_VALUE(events IGNORE NULLS) OVER newest AS events,
  FIRST_VALUE(appended IGNORE NULLS) OVER newest AS appended,
  FIRST_VALUE(dead_letters IGNORE NULLS) OVER newest AS dead_letters,
  FIRST_VALUE(hours IGNORE NULLS) OVER newest AS hours,
  FIRST_VALUE(orders IGNORE NULLS) OVER newest AS orders,
  FIRST_VALUE(who IGNORE NULLS) OVER newest AS who,
  FIRST_VALUE(pipeline_version IGNORE NULLS) OVER newest AS pipeline_version,
  FIRST_VALUE(schema_version IGNORE NULLS) OVER newest AS schema_version,
  FIRST_VALUE(pii_key_version IGNORE NULLS) OVER newest AS pii_key_version,
  error
FROM records
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC) = 1
WINDOW newest AS (
  PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
);

CREATE OR REPLACE VIEW `${project}`.`${event_store}`.run_states (
  run_id OPTIONS (description = "the run"),
  state OPTIONS (description = "RUNNING, DONE or FAILED; DONE and FAILED win over a later renewal of the lease"),
  started_time OPTIONS (description = "when the run started"),
  ended_time OPTIONS (description = "when the run ended; NULL while it is RUNNING"),
  recorded_time OPTIONS (description = "when its newest row was inserted"),
  lease_until OPTIONS (description = "a RUNNING run counts as dead after this time"),
  command OPTIONS (description = "the command"),
  mode OPTIONS (description = "batch or stream; for a replay backfill, rebuild or shadow"),
  source OPTIONS (description = "what was read"),
  clock OPTIONS (description = "the clock of the range"),
  range_from OPTIONS (description = "first instant of the range; NULL if the run has no range"),
  range_to OPTIONS (description = "first instant after the range; NULL if it is open"),
  filters OPTIONS (description = "topics, event types, entity and correlation id of a replay, as JSON text"),
  into_dataset OPTIONS (description = "the dataset of a shadow"),
  owner_user OPTIONS (description = "the user who started the run"),
  owner_host OPTIONS (description = "the machine on which it was started"),
  owner_pid OPTIONS (description = "the id of its process on that machine"),
  pipeline_version OPTIONS (description = "version of the code"),
  schema_version OPTIONS (description = "version of the tables"),
  configuration OPTIONS (description = "the options of the run, without secrets"),
  pii_key_version OPTIONS (description = "version of the key of pseudonyms; NULL if the run has no key"),
  messages OPTIONS (description = "messages read"),
  events OPTIONS (description = "valid events among them"),
  appended OPTIONS (description = "events that the store did not hold before"),
  dead_letters OPTIONS (description = "dead letters that the store did not hold before"),
  hours OPTIONS (description = "hours of counts, features and telemetry that were recomputed"),
  orders OPTIONS (description = "orders whose saga was recomputed"),
  counts OPTIONS (description = "rows per table"),
  error OPTIONS (description = "why the run failed")
)
OPTIONS (description = "The current state of every run: its newest row; a column that this row leaves NULL has its newest value that is not.")
AS
SELECT
  run_id,
  state,
  IFNULL(MIN(started_time) OVER newest, MIN(recorded_time) OVER newest) AS started_time,
  ended_time,
  recorded_time,
  lease_until,
  FIRST_VALUE(command IGNORE NULLS) OVER newest AS command,
  FIRST_VALUE(mode IGNORE NULLS) OVER newest AS mode,
  FIRST_VALUE(source IGNORE NULLS) OVER newest AS source,
  FIRST_VALUE(clock IGNORE NULLS) OVER newest AS clock,
  FIRST_VALUE(range_from IGNORE NULLS) OVER newest AS range_from,
  FIRST_VALUE(range_to IGNORE NULLS) OVER newest AS range_to,
  FIRST_VALUE(filters IGNORE NULLS) OVER newest AS filters,
  FIRST_VALUE(into_dataset IGNORE NULLS) OVER newest AS into_dataset,
  FIRST_VALUE(owner_user IGNORE NULLS) OVER newest AS owner_user,
  FIRST_VALUE(owner_host IGNORE NULLS) OVER newest AS owner_host,
  FIRST_VALUE(owner_pid IGNORE NULLS) OVER newest AS owner_pid,
  FIRST_VALUE(pipeline_version IGNORE NULLS) OVER newest AS pipeline_version,
  FIRST_VALUE(schema_version IGNORE NULLS) OVER newest AS schema_version,
  FIRST_VALUE(configuration IGNORE NULLS) OVER newest AS configuration,
  FIRST_VALUE(pii_key_version IGNORE NULLS) OVER newest AS pii_key_version,
  FIRST_VALUE(messages IGNORE NULLS) OVER newest AS messages,
  FIRST_VALUE(events IGNORE NULLS) OVER newest AS events,
  FIRST_VALUE(appended IGNORE NULLS) OVER newest AS appended,
  FIRST_VALUE(dead_letters IGNORE NULLS) OVER newest AS dead_letters,
  FIRST_VALUE(hours IGNORE NULLS) OVER newest AS hours,
  FIRST_VALUE(orders IGNORE NULLS) OVER newest AS orders,
  IFNULL(FIRST_VALUE(IF(ARRAY_LENGTH(counts) > 0, counts, NULL) IGNORE NULLS) OVER newest, []) AS counts,
  error
FROM `${project}`.`${event_store}`.runs
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC) = 1
WINDOW newest AS (
  PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${analytics}`.events_distinct_as_of(as_of TIMESTAMP)
OPTIONS (description = "One row per event_id, without data and extensions: what readers without access to payloads see of the event store. As of a time: events that had happened by then.")
AS (
WITH firsts AS (
  SELECT *
  FROM `${project}`.`${event_store}`.events
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, ingest_time, run_id) = 1
)
SELECT
  event_id,
  event_type,
  event_time,
  source,
  topic,
  entity_id,
  correlation_id,
  causation_id,
  notes,
  message_id,
  publish_time,
  ingest_time,
  amount,
  run_id
FROM firsts
WHERE event_time <= as_of
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${analytics}`.customer_current_as_of(as_of TIMESTAMP)
OPTIONS (description = "The current state of every customer: each column is the newest value that is not NULL, by (event_time, event_id). As of a time: the customers as their events up to then make them.")
AS (
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.customer_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  customer_id,
  FIRST_VALUE(country IGNORE NULLS) OVER newest AS country,
  FIRST_VALUE(type IGNORE NULLS) OVER newest AS type,
  FIRST_VALUE(status IGNORE NULLS) OVER newest AS status,
  FIRST_VALUE(IF(event_type = 'customer.registered', event_time, NULL) IGNORE NULLS) OVER newest AS registered_time,
  MAX(event_time) OVER newest AS updated_time,
  COUNT(*) OVER newest AS events
FROM retained
WHERE event_time <= as_of
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC) = 1
WINDOW newest AS (
  PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${analytics}`.event_counts_current_as_of(as_of TIMESTAMP)
OPTIONS (description = "Events and amounts by window and type, exact whatever was delivered twice; windows without events have no row. As of a time: counts of the events that had happened by then.")
AS (
WITH windowed AS (
  SELECT
    DIV(UNIX_MICROS(event_time), 60 * 1000000) * 60 AS start_seconds,
    event_type,
    amount
  FROM `${project}`.`${analytics}`.events_distinct
  WHERE event_time <= as_of
)
SELECT
  TIMESTAMP_SECONDS(start_seconds) AS window_start,
  TIMESTAMP_MICROS(LEAST((start_seconds + 60) * 1000000, 253402300799999999)) AS window_end,
  event_type,
  COUNT(*) AS events,
  -- A sum beyond NUMERIC would fail the whole query, for every window.
  SAFE_CAST(SUM(CAST(amount AS BIGNUMERIC)) AS NUMERIC) AS amount
FROM windowed
GROUP BY start_seconds, event_type
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${analytics}`.order_current_as_of(as_of TIMESTAMP)
OPTIONS (description = "The current state of every order: each column is the newest value that is not NULL, by (event_time, event_id). As of a time: the orders as their events up to then make them.")
AS (
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.order_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
),
orders AS (
  SELECT
    order_id,
    FIRST_VALUE(customer_id IGNORE NULLS) OVER newest AS customer_id,
    FIRST_VALUE(status IGNORE NULLS) OVER newest AS status,
    FIRST_VALUE(currency IGNORE NULLS) OVER newest AS currency,
    FIRST_VALUE(total_amount IGNORE NULLS) OVER newest AS total_amount,
    IFNULL(FIRST_VALUE(IF(has_items, items, NULL) IGNORE NULLS) OVER newest, []) AS items,
    FIRST_VALUE(IF(event_type = 'order.created', event_time, NULL) IGNORE NULLS) OVER newest AS created_time,
    MAX(event_time) OVER newest AS updated_time,
    FIRST_VALUE(
      IF(event_type = 'order.completed', IFNULL(completed_at, event_time), NULL) IGNORE NULLS
    ) OVER newest AS completed_time,
    COUNT(*) OVER newest AS events
  FROM retained
  WHERE event_time <= as_of
  QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY event_time DESC, event_id DESC) = 1
  WINDOW newest AS (
    PARTITION BY order_id ORDER BY event_time DESC, event_id DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
),
sagas AS (
  SELECT order_id, state
  FROM (
    SELECT order_id, state, updated_time AS event_time
    FROM `${project}`.`${analytics}`.order_saga_current
  )
  WHERE event_time <= as_of
)
SELECT
  orders.order_id,
  orders.customer_id,
  orders.status,
  sagas.state,
  orders.currency,
  orders.total_amount,
  orders.items,
  orders.created_time,
  orders.updated_time,
  orders.completed_time,
  orders.events
FROM orders
LEFT JOIN sagas ON sagas.order_id = orders.order_id
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${analytics}`.revenue_by_day_as_of(as_of TIMESTAMP)
OPTIONS (description = "Revenue per day and currency, from payment.processed, each event counted once. As of a time: what had been paid by then.")
AS (
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.payment_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE typed.event_type = 'payment.processed'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  DATE(DATETIME(event_time, 'UTC')) AS day,
  currency,
  -- A sum beyond NUMERIC would fail the whole query, for every day.
  SAFE_CAST(SUM(CAST(amount AS BIGNUMERIC)) AS NUMERIC) AS amount,
  COUNT(*) AS payments
FROM retained
WHERE event_time <= as_of
GROUP BY day, currency
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${analytics}`.stock_level_as_of(as_of TIMESTAMP)
OPTIONS (description = "What is reserved of every article in every warehouse, each event counted once. As of a time: what was reserved by then.")
AS (
WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.inventory_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  sku,
  warehouse_id,
  -- Summed as NUMERIC: two events of nearly 2^63 would else fail the query for every article.
  SAFE_CAST(SUM(CAST(IF(event_type = 'inventory.released', -quantity, quantity) AS NUMERIC)) AS INT64) AS reserved,
  MAX(event_time) AS updated_time
FROM retained
WHERE event_time <= as_of
GROUP BY sku, warehouse_id
);

CREATE OR REPLACE TABLE FUNCTION `${project}`.`${event_store}`.events_distinct_as_of(as_of TIMESTAMP)
OPTIONS (description = "One row per event_id, whatever was delivered twice: the first by (publish_time, message_id). As of a time: events that had happened by then.")
AS (
WITH firsts AS (
  SELECT *
  FROM `${project}`.`${event_store}`.events
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, ingest_time, run_id) = 1
)
SELECT
  event_id,
  event_type,
  event_time,
  source,
  topic,
  entity_id,
  correlation_id,
  causation_id,
  data,
  data_text,
  extensions,
  notes,
  message_id,
  publish_time,
  ingest_time,
  amount,
  run_id
FROM firsts
WHERE event_time <= as_of
);
