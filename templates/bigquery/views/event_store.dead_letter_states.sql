WITH failures AS (
  SELECT
    dead_letter_id, failed_time, stage, error_code, path, table_name, column_name, topic, message_id, event_id, event_type,
    attempt
  FROM `${project}`.`${event_store}`.dead_letters
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY dead_letter_id ORDER BY ingest_time, run_id) = 1
),
event_rows AS (
  SELECT 'events' AS table_name, event_id
  FROM `${project}`.`${event_store}`.events
  UNION ALL
  SELECT 'order_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.order_events
  UNION ALL
  SELECT 'customer_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.customer_events
  UNION ALL
  SELECT 'inventory_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.inventory_events
  UNION ALL
  SELECT 'payment_events' AS table_name, event_id
  FROM `${project}`.`${analytics}`.payment_events
  UNION ALL
  SELECT 'iot_telemetry' AS table_name, event_id
  FROM `${project}`.`${analytics}`.iot_telemetry
),
held AS (
  SELECT DISTINCT event_id FROM event_rows WHERE table_name = 'events'
),
-- A rejected row is delivered once its table holds a row of its event, however it came there. A computed row (counts,
-- sagas) names no event: it is delivered once a redrive has recorded that it was computed again.
delivered AS (
  SELECT DISTINCT table_name, event_id FROM event_rows
  WHERE event_id IN (SELECT event_id FROM failures WHERE stage = 'sink')
),
attempts AS (
  SELECT
    redriven.dead_letter_id,
    COUNTIF(redriven.outcome != 'GIVEN_UP') AS redrives,
    MAX(redriven.redriven_time) AS redriven_time,
    LOGICAL_OR(redriven.outcome = 'RESOLVED' OR (redriven.outcome = 'SENT' AND held.event_id IS NOT NULL)) AS resolved,
    LOGICAL_OR(redriven.outcome = 'GIVEN_UP') AS given_up,
    MAX(redriven.rule) AS rule,
    MAX(redriven.next_dead_letter_id) AS next_dead_letter_id
  FROM `${project}`.`${event_store}`.redrives AS redriven
  LEFT JOIN held ON held.event_id = redriven.event_id
  GROUP BY redriven.dead_letter_id
)
SELECT
  failures.dead_letter_id,
  CASE
    WHEN delivered.event_id IS NOT NULL THEN 'resolved'
    WHEN attempts.dead_letter_id IS NULL THEN 'open'
    WHEN attempts.resolved AND (failures.stage != 'sink' OR failures.event_id IS NULL) THEN 'resolved'
    WHEN attempts.given_up THEN 'given up'
    ELSE 'redriven'
  END AS state,
  failures.failed_time,
  failures.stage,
  failures.error_code,
  failures.path,
  failures.table_name,
  failures.column_name,
  failures.topic,
  failures.message_id,
  failures.event_id,
  failures.event_type,
  failures.attempt,
  IFNULL(attempts.redrives, 0) AS redrives,
  attempts.redriven_time,
  attempts.rule,
  attempts.next_dead_letter_id
FROM failures
LEFT JOIN attempts ON attempts.dead_letter_id = failures.dead_letter_id
LEFT JOIN delivered
  ON failures.stage = 'sink' AND delivered.table_name = failures.table_name AND delivered.event_id = failures.event_id
