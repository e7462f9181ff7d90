"""Compare the stores with `schemas/`, and apply the changes that lose no data."""
