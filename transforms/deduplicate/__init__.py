"""Remove repeated events: by spilled ids in a batch run, by keyed state in a streaming run."""
