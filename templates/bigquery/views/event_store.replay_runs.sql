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
FROM `${project}`.`${event_store}`.replays
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC) = 1
WINDOW newest AS (
  PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC, lease_until DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
