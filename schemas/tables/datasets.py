"""The names of the two datasets, as the schemas call them."""

EVENT_STORE = "event_store"
ANALYTICS = "analytics"
