"""Define the BigQuery tables and generate their DDL."""
