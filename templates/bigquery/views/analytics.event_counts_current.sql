WITH windowed AS (
  SELECT
    DIV(UNIX_MICROS(event_time), ${window_seconds} * 1000000) * ${window_seconds} AS start_seconds,
    event_type,
    amount
  FROM `${project}`.`${analytics}`.events_distinct
  WHERE TRUE
)
SELECT
  TIMESTAMP_SECONDS(start_seconds) AS window_start,
  TIMESTAMP_MICROS(LEAST((start_seconds + ${window_seconds}) * 1000000, 253402300799999999)) AS window_end,
  event_type,
  COUNT(*) AS events,
  -- A sum beyond NUMERIC would fail the whole query, for every window.
  SAFE_CAST(SUM(CAST(amount AS BIGNUMERIC)) AS NUMERIC) AS amount
FROM windowed
GROUP BY start_seconds, event_type
