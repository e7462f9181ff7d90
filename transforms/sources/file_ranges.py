"""What a bounded run reads: input files, planned as byte ranges that end on lines.

Plain files of lines are cut into ranges so that workers share them. Compressed files, JSON values over several lines
and Avro files are read whole, because they cannot be entered midway.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.message import FORMS, TOPICS, UNKNOWN_TOPIC
from transforms.sources.open_input import compression_of

__all__ = ["FORMATS", "RANGE_BYTES", "FileRange", "plan_ranges", "topic_of"]

RANGE_BYTES = 16 * 1024 * 1024
FORMATS = FORMS


@dataclass(frozen=True)
class FileRange:
    """A part of one input file: lines that start in [start, end), or all of the file when `whole`.

    `form` is `auto`, `messages`, `events` or `avro`; `topic` is the one that the file's name or folder says.
    `default` is the form of a value that does not tell its own. `values` says that the file holds JSON values over
    several lines. `sha256` is checked before a message of the file is given out, unless it is empty.
    """

    path: str
    form: str
    topic: str
    start: int
    end: int
    whole: bool
    default: str = "messages"
    values: bool = False
    sha256: str = ""


def topic_of(path: str) -> str:
    """Return the topic that a path says: its file's name, or else the nearest folder's; `unknown` when none does.

    A name says a topic when it is one or begins with one: `orders.jsonl`, `orders-0001.jsonl.gz`, `archive/orders/`.
    """
    for name in reversed(re.split(r"[\\/]", path)):
        for topic in TOPICS:
            if name.split(".")[0] == topic or name.startswith((topic + "-", topic + "_")):
                return topic
    return UNKNOWN_TOPIC


def plan_ranges(
    path: str,
    size: int,
    form: str,
    range_bytes: int = RANGE_BYTES,
    *,
    default: str = "messages",
    values: bool = False,
) -> Iterator[FileRange]:
    """Cut one file into ranges.

    Args:
        path: the file.
        size: its size in bytes.
        form: `auto`, `messages`, `events` or `avro`.
        range_bytes: the size of a range.
        default: the form of a value that does not tell its own.
        values: whether the file holds JSON values over several lines.
    """
    topic = topic_of(path)
    if form == "avro" or values or compression_of(path):
        yield FileRange(path, form, topic, 0, size, True, default, values)
        return
    for start in range(0, size, range_bytes):
        yield FileRange(path, form, topic, start, min(start + range_bytes, size), False, default)
