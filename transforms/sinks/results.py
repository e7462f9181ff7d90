"""Rows that a sink could not deliver: every sink hands them out in this one form, and one tail makes dead
letters of them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa


@dataclass
class FailedRows:
    """Rows of one table with the reason: `code` SINK_REJECTED or SINK_EXHAUSTED, column and kind of fault,
    never a value.
    """

    table: str
    rows: pa.RecordBatch
    code: str
    reason: str
    attempts: int


class AppendResult(NamedTuple):
    """`failed`: FailedRows. `appended`: (table, rows) as they are visible, in parts that a reader adds up."""

    failed: beam.PCollection[FailedRows]
    appended: beam.PCollection[tuple[str, int]]
