"""The Pub/Sub emulator, one for a file of tests, and topics on it that nothing was ever published to."""

import pytest

from tests.support.live import fresh_bus, running_emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """A running emulator, which clients of this process find."""
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


@pytest.fixture
def bus(emulator):
    """Four topics and their subscriptions, for one test."""
    return fresh_bus(emulator)
