"""The names of the runners of batch runs; the first is the default."""

RUNNERS = ("FnApiRunner", "DirectRunner", "PrismRunner")
