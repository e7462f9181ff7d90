"""The lake as a whole: its files, their integrity, its upkeep, and what killed processes left in it."""
