"""The sink of the keyed read model: PostgreSQL, or a SQLite file through the same interface. Only `write` imports Beam."""
