"""What holds for all tests: the support's assertions say what they compare, and the longest files are begun first."""

import pytest

pytest.register_assert_rewrite("tests.support.booted", "tests.support.submission")

LONGEST = ("test_stream_emulator.py", "test_stream_sagas.py", "test_stream_is_replay.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are handed out to processes in this order: one of minutes must not be what is left at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
