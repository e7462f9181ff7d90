"""Progress shows how much is read; with several workers, only the elapsed time."""

import re
import time

import pytest

from pipelines.cli import progress
from transforms.sources.read_progress import PROGRESS


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.01)


def printed_meanwhile(capsys, until: str = "\n", **words: int) -> list[str]:
    """Show progress of 500 bytes and 10 messages until the expected text is printed."""
    with progress.show_progress(**words):
        PROGRESS.add(500, 10)
        printed, limit = "", time.monotonic() + 5
        while until not in printed and time.monotonic() < limit:
            time.sleep(0.005)
            printed += capsys.readouterr().err
    return (printed + capsys.readouterr().err).splitlines()


def test_one_worker_shows_bytes_messages_and_rate(capsys):
    first, *_ = printed_meanwhile(capsys, total_bytes=1000)
    assert re.fullmatch(r"(0|500) of 1,000 bytes, (0|10) events, [\d,]+ events/s", first)


def test_progress_without_files_counts_messages(capsys):
    first, *_ = printed_meanwhile(capsys, total_bytes=0, total_messages=20)
    assert re.fullmatch(r"(0|10) of 20 messages, [\d,]+ events/s", first)


def test_the_end_of_reading_is_printed_once(capsys):
    lines = printed_meanwhile(capsys, "all ", total_bytes=500)
    assert [line for line in lines if line.startswith("all ")] == ["all 10 events read; writing to the stores"]


def test_several_workers_show_the_elapsed_time(capsys):
    first, *_ = printed_meanwhile(capsys, total_bytes=1000, workers=2)
    assert re.fullmatch(r"\d+ s: the workers are reading 1,000 bytes", first)
