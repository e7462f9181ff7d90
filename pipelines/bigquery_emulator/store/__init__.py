"""Keep the emulator's tables in one DuckDB file."""
