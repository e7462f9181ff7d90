"""Aggregate in event-time windows: counts, features, pipeline metrics."""
