"""Emulate BigQuery (REST v2, Storage Read and Write APIs) over one DuckDB file."""
