"""The outputs of every sink: rows that a table did not take, and how many it took."""

from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa


@dataclass
class FailedRows:
    """Rejected rows of one table and the reason, which quotes no value.

    Args:
        table: name of the table, without its dataset.
        rows: the rows, in the table's schema.
        code: SINK_REJECTED or SINK_EXHAUSTED.
        reason: column and kind of fault, or the status of the request.
        attempts: how often the rows were sent.
        column: the column that the table named; None if it named none.
    """

    table: str
    rows: pa.RecordBatch
    code: str
    reason: str
    attempts: int
    column: str | None = None


class AppendResult(NamedTuple):
    """`failed`: FailedRows. `appended`: (table, rows) that are visible, in parts that a reader adds up."""

    failed: beam.PCollection[FailedRows]
    appended: beam.PCollection[tuple[str, int]]
