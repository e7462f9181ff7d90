"""Rows that a sink could not deliver: every sink hands them out in this one form, and one tail makes dead
letters of them.
"""

from dataclasses import dataclass

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
