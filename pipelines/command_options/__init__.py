"""Options of the commands that are flex templates too: added to a parser, and read into frozen requests."""
