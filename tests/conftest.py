"""What holds for all tests: the support's assertions say what they compare."""

import pytest

pytest.register_assert_rewrite("tests.support.booted", "tests.support.submission")
