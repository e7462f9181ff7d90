"""What is held of a person, and how it goes: out of the tables, out of the files, out of the freed pages."""
