-- Events and amounts by window and type, exact whatever was delivered twice; windows without events have no row.
-- key: window_start, event_type
-- as_of: counts of the events that had happened by then
-- window_start: first instant of the window (event time)
-- window_end: first instant after the window, at most 9999-12-31T23:59:59.999999Z
-- event_type: what was counted
-- events: how many distinct events
-- amount: sum of payments' amount and created orders' totalAmount; NULL if no event has one, or if the sum is beyond NUMERIC
WITH windowed AS (
  SELECT
    DIV(UNIX_MICROS(event_time), ${window_seconds} * 1000000) * ${window_seconds} AS start_seconds,
    event_type,
    amount
  FROM ${analytics}.events_distinct
  WHERE ${as_of}
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
