"""The endpoints a laptop needs: a BigQuery emulator (REST v2 and Storage Write gRPC) over one DuckDB file."""
