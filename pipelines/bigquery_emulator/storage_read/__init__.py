"""Serve the Storage Read API."""
