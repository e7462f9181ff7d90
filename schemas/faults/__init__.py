"""All faults of a message with the rules they break, for producers."""
