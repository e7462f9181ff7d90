"""Decide the state, alerts and compensations of an order saga from its facts."""
