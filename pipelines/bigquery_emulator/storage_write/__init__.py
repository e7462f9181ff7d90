"""Serve the Storage Write API over gRPC."""
