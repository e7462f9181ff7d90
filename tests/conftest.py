"""Settings of all tests: detailed assertions in tests.support, and the longest files first."""

import pytest

pytest.register_assert_rewrite("tests.support.booted", "tests.support.submission")

LONGEST = ("test_stream_emulator.py", "test_stream_sagas.py", "test_stream_is_replay.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order in which files are given to processes: a file that takes minutes must not start last."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
