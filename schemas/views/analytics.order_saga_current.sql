-- The current state of every order's saga: the row with the highest version.
-- key: order_id
-- order_id: the order
-- correlation_id: the flow that the order belongs to
-- state: CREATED, RESERVED, PAID, COMPLETED, PAYMENT_FAILED, RELEASED or CANCELLED
-- started_time: event time of its first event
-- updated_time: event time of its newest event
-- deadline: when the next step is due; NULL once closed
-- events: distinct events seen
-- alerts: alerts raised, in order
-- version: grows with every fact and deadline of the order
-- run_id: the run that wrote the row
SELECT
  order_id,
  correlation_id,
  state,
  started_time,
  updated_time,
  deadline,
  events,
  alerts,
  version,
  run_id
FROM ${analytics}.order_sagas
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY version DESC, updated_time DESC, run_id DESC) = 1
