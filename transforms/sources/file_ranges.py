"""What a bounded run reads: files of messages or plain events, planned as byte ranges that end on lines.

Plain files are cut into ranges so that workers share them; gzip is read whole, because it cannot be entered midway;
Avro archives are read file by file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.message import TOPICS, UNKNOWN_TOPIC

RANGE_BYTES = 16 * 1024 * 1024
FORMATS = ("auto", "messages", "events")


@dataclass(frozen=True)
class FileRange:
    """A part of one input file: lines that start in [start, end), or the whole of a gzip or Avro file.

    `form` is `messages`, `events` or `avro`; `topic` is the one that the file's name says.
    """

    path: str
    form: str
    topic: str
    start: int
    end: int
    whole: bool


def topic_of(path: str) -> str:
    """Return the topic that a file's name says: `orders.jsonl`, `orders-0001.jsonl.gz`; else `unknown`."""
    name = re.split(r"[\\/]", path)[-1].split(".")[0]
    for topic in TOPICS:
        if name == topic or name.startswith((topic + "-", topic + "_")):
            return topic
    return UNKNOWN_TOPIC


def looks_like_messages(head: bytes) -> bool:
    """Tell from a file's first line whether it holds messages (`data` beside `messageId`) or plain events."""
    return b'"messageId"' in head or (b'"publishTime"' in head and b'"eventId"' not in head)


def plan_ranges(path: str, size: int, form: str, range_bytes: int = RANGE_BYTES) -> Iterator[FileRange]:
    """Cut one file of `size` bytes into ranges."""
    topic = topic_of(path)
    if form == "avro" or path.endswith(".gz"):
        yield FileRange(path, form, topic, 0, size, True)
        return
    for start in range(0, size, range_bytes):
        yield FileRange(path, form, topic, start, min(start + range_bytes, size), False)
