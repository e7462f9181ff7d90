-- Events and amounts by window and type, exact whatever was delivered twice; windows without events have no row.
-- key: window_start, event_type
-- as_of: counts of the events that had happened by then
-- window_start: first instant of the window (event time)
-- window_end: first instant after the window
-- event_type: what was counted
-- events: how many distinct events
-- amount: sum of payments' amount and created orders' totalAmount; NULL where no event has one, or where the sum is past NUMERIC
WITH windowed AS (
  SELECT
    TIMESTAMP_SECONDS(DIV(UNIX_MICROS(event_time), ${window_seconds} * 1000000) * ${window_seconds}) AS window_start,
    event_type,
    amount
  FROM ${analytics}.events_distinct
  WHERE ${as_of}
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
