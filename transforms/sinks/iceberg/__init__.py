"""The Parquet feeds of the lake as Apache Iceberg tables (docs/iceberg.md). Needs the extra `iceberg`."""
