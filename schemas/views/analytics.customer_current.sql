-- The current state of every customer: each column is the newest value that is not NULL, by (event_time, event_id).
-- key: customer_id
-- as_of: the customers as their events up to then make them
-- customer_id: the customer
-- country: the newest country
-- type: the newest type
-- status: the newest status that an event gave
-- registered_time: event time of customer.registered; NULL while only later events have come
-- updated_time: event time of the newest event
-- events: distinct events of the customer
WITH retained AS (
  SELECT typed.*
  FROM ${analytics}.customer_events AS typed
  JOIN ${analytics}.events_distinct AS stored
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
WHERE ${as_of}
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC) = 1
WINDOW newest AS (
  PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
