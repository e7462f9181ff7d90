"""Model the data of each event type, one module per domain."""
