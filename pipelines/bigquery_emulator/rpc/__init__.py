"""Serve gRPC: the server, the check of its token, and the handlers of a service."""
