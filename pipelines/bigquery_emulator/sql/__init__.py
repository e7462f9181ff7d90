"""Translate and run BigQuery SQL on DuckDB."""
