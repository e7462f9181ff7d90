WITH windowed AS (
  SELECT
    TIMESTAMP_SECONDS(DIV(UNIX_MICROS(event_time), ${window_seconds} * 1000000) * ${window_seconds}) AS window_start,
    event_type,
    amount
  FROM `${project}`.`${analytics}`.events_distinct
  WHERE TRUE
),
sized AS (
  SELECT
    *,
    -- A sum past NUMERIC would fail the whole query, for every window: it is found out roughly, before.
    COUNT(amount) OVER one_row = 1 OR SUM(CAST(amount AS FLOAT64)) OVER one_row < 9.999999e28 AS fits
  FROM windowed
  WINDOW one_row AS (PARTITION BY window_start, event_type)
)
SELECT
  window_start,
  TIMESTAMP_ADD(window_start, INTERVAL ${window_seconds} SECOND) AS window_end,
  event_type,
  COUNT(*) AS events,
  SUM(IF(fits, amount, NULL)) AS amount
FROM sized
GROUP BY window_start, event_type
