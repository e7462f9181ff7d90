"""A streaming run from start to end: check its subscriptions, recover, run the job, watch what it depends on, drain."""
