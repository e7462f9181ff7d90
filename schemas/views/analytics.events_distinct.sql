-- One row per event_id, without data and extensions: what readers without access to payloads see of the event store.
-- key: event_time, event_id
-- as_of: events that had happened by then
-- event_id: the event's UUID, in lower case
-- event_type: what happened, one of the registry's names
-- event_time: when it happened, by its producer's clock
-- source: the service that sent it
-- topic: the topic it came on
-- entity_id: id of the order, customer, article, payment or device it is about
-- correlation_id: UUID shared by all events of one business flow
-- causation_id: UUID of the event that caused this one
-- notes: notes about the event, from a closed list
-- message_id: the bus's name of the message
-- publish_time: when the bus took the message: the message's clock
-- ingest_time: when the run that wrote the row began
-- amount: what the event adds to event_counts.amount
-- run_id: the run that wrote the row
WITH firsts AS (
  SELECT *
  FROM ${event_store}.events
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, ingest_time, run_id) = 1
)
SELECT
  event_id,
  event_type,
  event_time,
  source,
  topic,
  entity_id,
  correlation_id,
  causation_id,
  notes,
  message_id,
  publish_time,
  ingest_time,
  amount,
  run_id
FROM firsts
WHERE ${as_of}
