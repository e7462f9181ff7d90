-- project=P lake=gs://BUCKET connection=P.LOCATION.NAME envsubst < lake.sql | bq query --use_legacy_sql=false

CREATE SCHEMA IF NOT EXISTS `${project}`.`lake`
OPTIONS (description = "External tables over the Parquet files of the lake, partitioned by dt and hour.", labels = []);

CREATE OR REPLACE EXTERNAL TABLE `${project}`.`lake`.iot_telemetry
WITH PARTITION COLUMNS (dt DATE, hour STRING)
WITH CONNECTION `${connection}`
OPTIONS (format = "PARQUET", uris = ["${lake}/ml/iot_telemetry/*.parquet"], hive_partition_uri_prefix = "${lake}/ml/iot_telemetry", description = "Every measurement, by hour of its event time.");

CREATE OR REPLACE EXTERNAL TABLE `${project}`.`lake`.iot_features
WITH PARTITION COLUMNS (dt DATE, hour STRING)
WITH CONNECTION `${connection}`
OPTIONS (format = "PARQUET", uris = ["${lake}/ml/iot_features/*.parquet"], hive_partition_uri_prefix = "${lake}/ml/iot_features", description = "Features per window, device and metric, by hour of the window.");
