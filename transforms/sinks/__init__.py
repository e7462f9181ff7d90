"""Where rows and files end: BigQuery, the lake, the dead-letter store."""
