"""Queries of single entities: the history of an order, customer, device or correlation id, and order sagas."""
