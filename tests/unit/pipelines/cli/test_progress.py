"""What a person who waits is told: how much is read; of several workers, only how long it has taken."""

import re
import time

import pytest

from pipelines.cli import progress
from transforms.sources.read_progress import PROGRESS


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.01)


def said_meanwhile(capsys, until: str = "\n", **words: int) -> list[str]:
    """Show progress of 500 bytes and 10 messages until something is said."""
    with progress.show_progress(**words):
        PROGRESS.add(500, 10)
        said, limit = "", time.monotonic() + 5
        while until not in said and time.monotonic() < limit:
            time.sleep(0.005)
            said += capsys.readouterr().err
    return (said + capsys.readouterr().err).splitlines()


def test_of_one_worker_bytes_messages_and_rate_are_told(capsys):
    first, *_ = said_meanwhile(capsys, total_bytes=1000)
    assert re.fullmatch(r"(0|500) of 1,000 bytes, (0|10) events, [\d,]+ events/s", first)


def test_without_files_messages_are_told(capsys):
    first, *_ = said_meanwhile(capsys, total_bytes=0, total_messages=20)
    assert re.fullmatch(r"(0|10) of 20 messages, [\d,]+ events/s", first)


def test_the_end_of_reading_is_told_once(capsys):
    lines = said_meanwhile(capsys, "all ", total_bytes=500)
    assert [line for line in lines if line.startswith("all ")] == ["all 10 events read; writing to the stores"]


def test_of_several_workers_the_time_is_told(capsys):
    first, *_ = said_meanwhile(capsys, total_bytes=1000, workers=2)
    assert re.fullmatch(r"\d+ s: the workers are at 1,000 bytes", first)
