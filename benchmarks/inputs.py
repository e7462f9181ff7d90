"""The seeded data set, generated once per size, and the reader that every variant but Beam's uses."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from schemas.message import Message, parse_line

SEED = 9
BATCH = 1024


def data_set(events: int, event_bytes: int, build: Path) -> Path:
    """Return the folder of a data set; generate it if missing: 1 % invalid, 1 % duplicates, 5 % edge cases."""
    folder = build / f"input-{events}-{event_bytes}"
    if not (folder / "truth.json").exists():
        words = ["simulate", "--output", str(folder), "--events", str(events), "--seed", str(SEED), "--overwrite"]
        words += ["--event_bytes", str(event_bytes), "--rate", "12"]
        subprocess.run([sys.executable, "-m", "pipelines", *words], check=True, stdout=subprocess.DEVNULL)
    return folder


def topic_files(source: Path) -> list[Path]:
    """Return the message files, one per topic, without the expected results."""
    return [path for path in sorted(source.glob("*.jsonl")) if not path.name.startswith("truth")]


def message_lines(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every line with the topic of its file."""
    for path in topic_files(source):
        with path.open("rb") as file:
            for line in file:
                yield path.stem, line


def message_batches(source: Path) -> Iterator[list[Message]]:
    """Yield every message, in lists; lines that are not messages are skipped."""
    batch: list[Message] = []
    for topic, line in message_lines(source):
        message = parse_line(line, topic)
        if type(message) is Message:
            batch.append(message)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch
