WITH retained AS (
  SELECT typed.*
  FROM `${project}`.`${analytics}`.inventory_events AS typed
  JOIN `${project}`.`${analytics}`.events_distinct AS stored
    ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id
  ) = 1
)
SELECT
  sku,
  warehouse_id,
  -- Summed as NUMERIC: two events of nearly 2^63 would else fail the query for every article.
  SAFE_CAST(SUM(CAST(IF(event_type = 'inventory.released', -quantity, quantity) AS NUMERIC)) AS INT64) AS reserved,
  MAX(event_time) AS updated_time
FROM retained
WHERE TRUE
GROUP BY sku, warehouse_id
