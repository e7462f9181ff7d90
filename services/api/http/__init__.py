"""What every route shares: problem details, pages, entity tags, limits, metrics."""
