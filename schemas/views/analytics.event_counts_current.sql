-- Events and amounts by window and type, exact whatever was delivered twice; windows without events have no row.
-- key: window_start, event_type
-- as_of: counts of the events that had happened by then
-- window_start: first instant of the window (event time)
-- window_end: first instant after the window
-- event_type: what was counted
-- events: how many distinct events
-- amount: sum of payments' amount and created orders' totalAmount; NULL where no event has one
WITH windowed AS (
  SELECT
    TIMESTAMP_SECONDS(DIV(UNIX_MICROS(event_time), ${window_seconds} * 1000000) * ${window_seconds}) AS window_start,
    event_type,
    amount
  FROM ${analytics}.events_distinct
  WHERE ${as_of}
)
SELECT
  window_start,
  TIMESTAMP_ADD(window_start, INTERVAL ${window_seconds} SECOND) AS window_end,
  event_type,
  COUNT(*) AS events,
  SUM(amount) AS amount
FROM windowed
GROUP BY window_start, event_type
