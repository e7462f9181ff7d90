-- Revenue per day and currency, from payment.processed, each event counted once.
-- key: day, currency
-- as_of: what had been paid by then
-- day: the UTC day of the payments' event time
-- currency: ISO 4217 code
-- amount: sum of the payments; NULL if it is beyond NUMERIC
-- payments: how many payments
WITH retained AS (
  SELECT typed.*
  FROM ${analytics}.payment_events AS typed
  JOIN ${analytics}.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE typed.event_type = 'payment.processed'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  DATE(DATETIME(event_time, 'UTC')) AS day,
  currency,
  -- A sum beyond NUMERIC would fail the whole query, for every day.
  SAFE_CAST(SUM(CAST(amount AS BIGNUMERIC)) AS NUMERIC) AS amount,
  COUNT(*) AS payments
FROM retained
WHERE ${as_of}
GROUP BY day, currency
