"""Serve HTTP: routing, uploads, responses."""
