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
)
