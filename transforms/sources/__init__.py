"""Read messages: files, the archive, the event store, Pub/Sub subscriptions."""
