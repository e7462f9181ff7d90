"""The endpoints a laptop needs: a loopback BigQuery (REST v2 and Storage Write gRPC) over one DuckDB file."""
