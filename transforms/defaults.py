"""Limits and defaults that options name: apart from their steps, so that reading the options loads no Beam."""

BUCKETS_A_HORIZON = 4
"""How many buckets hold the event ids of a deduplication horizon."""
DISORDER_SECONDS = 3600
"""Extra lateness of counts and features for out-of-order delivery, seconds."""
DEDUP_SHARDS = 2
"""Number of keys of the event ids' state on Dataflow."""
