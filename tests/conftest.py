"""What holds for all tests: properties have no deadline an example, and the support's assertions say what they compare."""

import pytest
from hypothesis import settings

settings.register_profile("loaded-machine", deadline=None)
settings.load_profile("loaded-machine")

pytest.register_assert_rewrite("tests.support.booted", "tests.support.submission")
