"""What a replay reads and how it writes, by name."""

MODES = ("backfill", "rebuild", "shadow")
SOURCES = ("archive", "events")
