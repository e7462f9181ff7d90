"""Cut and gather record batches into requests: fewer and larger appends cost less on both sides.

See https://cloud.google.com/bigquery/docs/write-api-best-practices.

A request stays below 9.5 MB: BigQuery's limit is 10 MB, and schema and names come on top of the rows.
"""

from collections.abc import Iterator

import pyarrow as pa

MAX_ROWS = 20_000
MAX_BYTES = 9_500_000


class Buffer:
    """Rows of one table that wait to be sent, and the earliest element time among them."""

    def __init__(self, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> None:
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch | None:
        """Take a batch; return the rows before it if both together would exceed one request."""
        full = None
        if self._batches and (
            self._rows + batch.num_rows > self._max_rows
            or self._bytes + batch.nbytes > self._max_bytes
            or not batch.schema.equals(self._batches[0].schema)
        ):
            full = self.take()
        if batch.num_rows:
            self._batches.append(batch)
            self._rows += batch.num_rows
            self._bytes += batch.nbytes
        return full

    def take(self) -> pa.RecordBatch | None:
        """Return all rows as one record batch; None if there are none."""
        batches, self._batches, self._rows, self._bytes = self._batches, [], 0, 0
        if len(batches) < 2:
            return batches[0] if batches else None
        return pa.concat_batches(batches)


def cut(
    batch: pa.RecordBatch, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES
) -> Iterator[tuple[pa.RecordBatch, bytes | None]]:
    """Yield slices of a record batch with their serialized form, each within one request; None for a row that is too large."""
    step = max(1, min(max_rows, batch.num_rows * max_bytes // max(1, batch.nbytes)))
    for start in range(0, batch.num_rows, step):
        yield from _halve(batch.slice(start, step), max_bytes)


def _halve(piece: pa.RecordBatch, max_bytes: int) -> Iterator[tuple[pa.RecordBatch, bytes | None]]:
    serialized = piece.serialize()
    if serialized.size <= max_bytes:
        yield piece, serialized.to_pybytes()
    elif piece.num_rows == 1:
        yield piece, None
    else:
        middle = piece.num_rows // 2
        yield from _halve(piece.slice(0, middle), max_bytes)
        yield from _halve(piece.slice(middle), max_bytes)
