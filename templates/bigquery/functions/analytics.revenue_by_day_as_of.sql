WITH standing AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.payment_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE typed.event_type = 'payment.processed'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
),
sized AS (
  SELECT
    DATE(DATETIME(event_time, 'UTC')) AS day,
    currency,
    amount,
    -- A sum past NUMERIC would fail the whole query, for every day: it is found out roughly, before.
    COUNT(*) OVER one_row = 1 OR SUM(CAST(amount AS FLOAT64)) OVER one_row < 9.999999e28 AS fits
  FROM standing
  WHERE event_time <= as_of
  WINDOW one_row AS (PARTITION BY DATE(DATETIME(event_time, 'UTC')), currency)
)
SELECT
  day,
  currency,
  SUM(IF(fits, amount, NULL)) AS amount,
  COUNT(*) AS payments
FROM sized
GROUP BY day, currency
