"""Decode one message: bytes, JSON, envelope, event data."""
