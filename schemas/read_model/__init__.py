"""The keyed read model: one row per order, customer and stock level, and the rules that keep each column the newest value."""
