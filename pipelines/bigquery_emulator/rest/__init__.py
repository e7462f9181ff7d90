"""Serve the resources of BigQuery's REST API."""
