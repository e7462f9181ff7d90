-- The current state of every run: its newest row; a column that this row leaves NULL has its newest value that is not.
-- key: run_id
-- run_id: the run
-- state: RUNNING, DONE or FAILED; DONE and FAILED win over a later renewal of the lease
-- started_time: when the run started
-- ended_time: when the run ended; NULL while it is RUNNING
-- recorded_time: when its newest row was inserted
-- lease_until: a RUNNING run counts as dead after this time
-- command: the command
-- mode: batch or stream; for a replay backfill, rebuild or shadow
-- source: what was read
-- clock: the clock of the range
-- range_from: first instant of the range; NULL if the run has no range
-- range_to: first instant after the range; NULL if it is open
-- filters: topics, event types, entity and correlation id of a replay, as JSON text
-- into_dataset: the dataset of a shadow
-- owner_user: the user who started the run
-- owner_host: the machine on which it was started
-- owner_pid: the id of its process on that machine
-- pipeline_version: version of the code
-- schema_version: version of the tables
-- configuration: the options of the run, without secrets
-- pii_key_version: version of the key of pseudonyms; NULL if the run has no key
-- messages: messages read
-- events: valid events among them
-- appended: events that the store did not hold before
-- dead_letters: dead letters that the store did not hold before
-- hours: hours of counts, features and telemetry that were recomputed
-- orders: orders whose saga was recomputed
-- counts: rows per table
-- error: why the run failed
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
FROM ${event_store}.runs
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC) = 1
WINDOW newest AS (
  PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
