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
)
