"""Tests of issues that are still open run apart: `pytest -m unfinished`. Properties have no deadline an example."""

import pytest
from hypothesis import settings

settings.register_profile("loaded-machine", deadline=None)
settings.load_profile("loaded-machine")

pytest.register_assert_rewrite("tests.support.booted", "tests.support.submission")

UNFINISHED = (
    "test_stream_emulator.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of files whose issue is not closed."""
    for item in items:
        if item.path.name in UNFINISHED:
            item.add_marker(pytest.mark.unfinished)
