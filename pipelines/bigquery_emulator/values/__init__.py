"""Convert values between BigQuery's wire formats, Arrow and DuckDB."""
