"""One step a file: sources, decode, deduplicate, aggregates and sinks, as Beam transforms over batches."""
