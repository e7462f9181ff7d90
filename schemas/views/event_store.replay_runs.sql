-- Where every replay stands: its newest fact, each column the newest value that is not NULL.
-- key: run_id
-- run_id: the replay
-- state: RUNNING, DONE or FAILED
-- started_time: when it was claimed
-- recorded_time: when it last said something
-- lease_until: a RUNNING replay past this is dead
-- command: replay or redrive
-- mode: backfill, rebuild or shadow
-- source: archive, events or dead_letters
-- clock: the clock of the range
-- range_start: first instant of the range
-- range_end: first instant after the range
-- filters: what of the range, as JSON text
-- into_dataset: the dataset of a shadow
-- messages: messages read
-- events: valid events among them
-- appended: events that the store lacked
-- dead_letters: dead letters that the store lacked
-- hours: hours of counts, features and telemetry made anew
-- orders: orders whose saga was made anew
-- who: who ran it
-- pipeline_version: the version of the code that decided
-- schema_version: the version of the tables
-- error: why it failed
SELECT
  run_id,
  state,
  MIN(recorded_time) OVER newest AS started_time,
  recorded_time,
  lease_until,
  command,
  mode,
  source,
  clock,
  range_start,
  range_end,
  filters,
  into_dataset,
  FIRST_VALUE(messages IGNORE NULLS) OVER newest AS messages,
  FIRST_VALUE(events IGNORE NULLS) OVER newest AS events,
  FIRST_VALUE(appended IGNORE NULLS) OVER newest AS appended,
  FIRST_VALUE(dead_letters IGNORE NULLS) OVER newest AS dead_letters,
  FIRST_VALUE(hours IGNORE NULLS) OVER newest AS hours,
  FIRST_VALUE(orders IGNORE NULLS) OVER newest AS orders,
  who,
  pipeline_version,
  schema_version,
  error
FROM ${event_store}.replays
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC) = 1
WINDOW newest AS (
  PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
