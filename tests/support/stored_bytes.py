"""What a file holds, for tests that look for text in it: its bytes, and of an Avro file its records without compression."""

from pathlib import Path

import fastavro


def stored_bytes(path: Path) -> bytes:
    """Return a file's bytes and those of its records; of a file that was cut off, those of its whole blocks."""
    data = path.read_bytes()
    if path.suffix == ".avro" and data:
        with path.open("rb") as file:
            try:
                for record in fastavro.reader(file):
                    data += b"".join(
                        value if isinstance(value, bytes) else repr(value).encode() for value in record.values()
                    )
            except (EOFError, ValueError, IndexError):
                pass
    return data
