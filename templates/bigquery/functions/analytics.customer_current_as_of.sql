WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.customer_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  customer_id,
  FIRST_VALUE(country IGNORE NULLS) OVER newest AS country,
  FIRST_VALUE(type IGNORE NULLS) OVER newest AS type,
  FIRST_VALUE(status IGNORE NULLS) OVER newest AS status,
  FIRST_VALUE(IF(event_type = 'customer.registered', event_time, NULL) IGNORE NULLS) OVER newest AS registered_time,
  MAX(event_time) OVER newest AS updated_time,
  COUNT(*) OVER newest AS events
FROM retained
WHERE event_time <= as_of
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC) = 1
WINDOW newest AS (
  PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
