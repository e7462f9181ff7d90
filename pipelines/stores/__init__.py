"""Open the stores that a command names and turn their errors into messages."""
