"""Replay a range of messages or events, redrive dead letters, and compare the stores with a shadow."""
