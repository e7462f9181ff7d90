-- The current state of every dead letter, from what redrives recorded and what the tables hold.
-- key: dead_letter_id
-- dead_letter_id: the dead letter
-- state: open, redriven (sent again, or failed again as another dead letter), resolved (its event or row is stored), or given up
-- failed_time: the publish time of its message, or the start of the run if it has none
-- stage: the stage of the check that rejected it
-- error_code: why, one of the contract's codes
-- path: the field that was rejected
-- table_name: stage sink: the table that rejected the row
-- column_name: stage sink: the column that the table named
-- topic: the topic it came on
-- message_id: the bus's name of the message
-- event_id: the event's UUID if it could be read
-- event_type: the event's type if it could be read
-- attempt: 1 for the first failure, one more for each redrive
-- redrives: how often it was sent again
-- redriven_time: when it was last sent again
-- rule: the rule that last repaired it
-- next_dead_letter_id: the dead letter that it became again
WITH failures AS (
  SELECT
    dead_letter_id, failed_time, stage, error_code, path, table_name, column_name, topic, message_id, event_id, event_type,
    attempt
  FROM ${event_store}.dead_letters
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY dead_letter_id ORDER BY ingest_time, run_id) = 1
),
event_rows AS (
  ${event_rows}
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
  FROM ${event_store}.redrives AS redriven
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
