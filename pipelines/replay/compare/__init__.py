"""Compare the stores with a shadow: tables, views and feature files, by key."""
