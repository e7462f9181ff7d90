"""Parse repair rules and apply them to the payload of a dead letter."""
