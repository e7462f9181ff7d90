WITH firsts AS (
  SELECT *
  FROM `${project}`.`${event_store}`.events
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
  data,
  data_text,
  extensions,
  notes,
  message_id,
  publish_time,
  ingest_time,
  amount,
  run_id
FROM firsts
WHERE event_time <= as_of
