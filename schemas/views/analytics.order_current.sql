-- The current state of every order: each column is the newest value that is not NULL, by (event_time, event_id).
-- key: order_id
-- as_of: the orders as their events up to then make them
-- order_id: the order
-- customer_id: who placed it
-- status: the newest status text of the producer
-- state: the state of the order's saga; NULL before it has a row; as of a time, NULL also if the saga has moved on since
-- currency: ISO 4217 code
-- total_amount: the newest total
-- items: the newest list of lines; empty if no event carried one
-- created_time: event time of order.created; NULL while only later events have come
-- updated_time: event time of its newest event
-- completed_time: when it was completed, by order.completed: its completedAt, else its event time
-- events: distinct events of the order
WITH retained AS (
  SELECT typed.*
  FROM ${analytics}.order_events AS typed
  JOIN ${analytics}.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
),
orders AS (
  SELECT
    order_id,
    FIRST_VALUE(customer_id IGNORE NULLS) OVER newest AS customer_id,
    FIRST_VALUE(status IGNORE NULLS) OVER newest AS status,
    FIRST_VALUE(currency IGNORE NULLS) OVER newest AS currency,
    FIRST_VALUE(total_amount IGNORE NULLS) OVER newest AS total_amount,
    IFNULL(FIRST_VALUE(IF(has_items, items, NULL) IGNORE NULLS) OVER newest, []) AS items,
    FIRST_VALUE(IF(event_type = 'order.created', event_time, NULL) IGNORE NULLS) OVER newest AS created_time,
    MAX(event_time) OVER newest AS updated_time,
    FIRST_VALUE(
      IF(event_type = 'order.completed', IFNULL(completed_at, event_time), NULL) IGNORE NULLS
    ) OVER newest AS completed_time,
    COUNT(*) OVER newest AS events
  FROM retained
  WHERE ${as_of}
  QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY event_time DESC, event_id DESC) = 1
  WINDOW newest AS (
    PARTITION BY order_id ORDER BY event_time DESC, event_id DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
),
sagas AS (
  SELECT order_id, state
  FROM (
    SELECT order_id, state, updated_time AS event_time
    FROM ${analytics}.order_saga_current
  )
  WHERE ${as_of}
)
SELECT
  orders.order_id,
  orders.customer_id,
  orders.status,
  sagas.state,
  orders.currency,
  orders.total_amount,
  orders.items,
  orders.created_time,
  orders.updated_time,
  orders.completed_time,
  orders.events
FROM orders
LEFT JOIN sagas ON sagas.order_id = orders.order_id
