"""The Analytics API v1: orders, customers, stock, sagas, figures and telemetry to read, events to send."""
