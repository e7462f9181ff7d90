WITH letters AS (
  SELECT dead_letter_id, failed_time, stage, error_code, path, topic, message_id, event_id, event_type, attempt
  FROM `${project}`.`${event_store}`.dead_letters
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY dead_letter_id ORDER BY ingest_time, run_id) = 1
),
held AS (
  SELECT DISTINCT event_id FROM `${project}`.`${event_store}`.events
),
told AS (
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
  letters.dead_letter_id,
  CASE
    WHEN told.dead_letter_id IS NULL THEN 'open'
    WHEN told.resolved THEN 'resolved'
    WHEN told.given_up THEN 'given up'
    ELSE 'redriven'
  END AS state,
  letters.failed_time,
  letters.stage,
  letters.error_code,
  letters.path,
  letters.topic,
  letters.message_id,
  letters.event_id,
  letters.event_type,
  letters.attempt,
  IFNULL(told.redrives, 0) AS redrives,
  told.redriven_time,
  told.rule,
  told.next_dead_letter_id
FROM letters
LEFT JOIN told ON told.dead_letter_id = letters.dead_letter_id
