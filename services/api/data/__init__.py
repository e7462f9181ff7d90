"""Where the API reads and writes: the read model, BigQuery, Pub/Sub."""
