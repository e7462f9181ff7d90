"""Append rows through the BigQuery Storage Write API, with retries and rejected rows as outputs."""
