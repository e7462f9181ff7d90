"""Properties have no deadline an example: the machine may be busy. Only they pay for Hypothesis."""

from hypothesis import settings

settings.register_profile("loaded-machine", deadline=None)
settings.load_profile("loaded-machine")
