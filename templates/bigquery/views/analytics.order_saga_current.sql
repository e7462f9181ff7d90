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
FROM `${project}`.`${analytics}`.order_sagas
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY version DESC, updated_time DESC, run_id DESC) = 1
