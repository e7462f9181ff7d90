"""Turn message batches into event batches: a columnar fast path and the full decoder."""
