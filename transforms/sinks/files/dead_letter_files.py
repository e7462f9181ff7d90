"""The files of dead letters: JSON lines, compressed on request."""

import gzip

from transforms.sinks.files.files import FileContent

GZIP = "gzip"
COMPRESSIONS = ("none", GZIP)


def lines_content(feed: str, partition: str, rows: int, data: bytes, compression: str) -> FileContent:
    """Return a file of dead letters' lines.

    Args:
        feed: the folder of the lake.
        partition: its partition.
        rows: number of lines.
        data: the lines.
        compression: one of COMPRESSIONS.
    """
    if compression == GZIP:
        return FileContent(feed, partition, "jsonl.gz", rows, gzip.compress(data, mtime=0))
    return FileContent(feed, partition, "jsonl", rows, data)


def read_lines(name: str, data: bytes) -> list[bytes]:
    """Return the lines of a dead letters' file by its name: `.jsonl` or `.jsonl.gz`."""
    return (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()
