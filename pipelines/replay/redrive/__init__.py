"""Redrive dead letters: select them, plan repairs, send them again and record the outcomes."""
