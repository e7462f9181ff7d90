"""Turn rejected rows into dead letters of stage `sink`: for their table, and for the files, which need no BigQuery.

A message keeps its one outcome: its event is valid although a table rejected a row of it. The dead letter names table,
event, column and reason (docs/data-contract.md#undelivered-rows).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import msgspec

from schemas.event import DeadLetter, make_dead_letter
from schemas.message import Message, topic_label
from schemas.outcomes import Code, Rejected, Stage
from schemas.registry import REGISTRY
from schemas.tables.definitions import DEAD_LETTERS, EVENTS
from schemas.timestamps import from_datetime
from transforms.metrics import counter
from transforms.sinks.dead_letter_rows import dead_letter_rows
from transforms.sinks.files.dead_letter_files import COMPRESSIONS
from transforms.sinks.results import FailedRows
from transforms.sinks.undelivered import KeepUndelivered
from transforms.table_rows import Run, TableRows

OUTCOME_TABLES = (EVENTS.name, DEAD_LETTERS.name)
"""If a row of these is rejected, the outcome of a message is in the files only; of others, a projection is behind."""


@dataclass(kw_only=True)
class FailedToDeadLetters(beam.PTransform[beam.PCollection[FailedRows], beam.PCollection[list[DeadLetter]]]):
    """Turn rejected rows into dead letters whose payload is the row as JSON, and count them.

    Rows of `dead_letters` itself give none: they are dead letters already, which the files hold. They are kept in files of
    their own until a later command adds them to the table (undelivered.py).

    Args:
        root: root of the lake.
        run: the run that made the rows.
        compression: of files of dead letters that their table rejected, `none` or `gzip`.
    """

    root: str
    run: Run
    compression: str = COMPRESSIONS[0]

    def expand(self, pcoll: beam.PCollection[FailedRows]) -> beam.PCollection[list[DeadLetter]]:
        _ = pcoll | "Keep" >> KeepUndelivered(root=self.root, run=self.run, compression=self.compression)
        return pcoll | "Letters" >> beam.ParDo(_dead_letters_of)


def _dead_letters_of(failed: FailedRows) -> Iterator[list[DeadLetter]]:
    dead_letters = failed_dead_letters(failed)
    counter(f"dead_letter_{failed.code}").inc(len(dead_letters))
    if failed.table in OUTCOME_TABLES:
        for dead_letter in dead_letters:
            counter(f"refused_{topic_label(dead_letter.topic)}").inc()
    if failed.table != DEAD_LETTERS.name:
        yield dead_letters


@dataclass(kw_only=True)
class UndeliveredRows(beam.PTransform[beam.PCollection[FailedRows], beam.PCollection[TableRows]]):
    """Turn rejected rows of other tables into rows of `event_store.dead_letters`."""

    run: Run

    def expand(self, pcoll: beam.PCollection[FailedRows]) -> beam.PCollection[TableRows]:
        return pcoll | "Rows" >> beam.ParDo(_rows_of, self.run)


def _rows_of(failed: FailedRows, run: Run) -> Iterator[TableRows]:
    if failed.table != DEAD_LETTERS.name:
        yield TableRows(DEAD_LETTERS.name, dead_letter_rows(failed_dead_letters(failed), run))


def failed_dead_letters(failed: FailedRows) -> list[DeadLetter]:
    """Return one dead letter per row; `path` is the table's name, the payload is the row as JSON."""
    rejected = Rejected(Stage.SINK, Code(failed.code), failed.table, failed.reason)
    return [_dead_letter(row, rejected, failed) for row in failed.rows.to_pylist()]


def _dead_letter(row: dict[str, Any], rejected: Rejected, failed: FailedRows) -> DeadLetter:
    event_type = row.get("event_type")
    known = REGISTRY.get(event_type) if isinstance(event_type, str) else None
    topic = row.get("topic") or (known.topic if known else "unknown")
    publish_time = row.get("publish_time") or row.get("window_start") or row.get("ingest_time")
    moment = from_datetime(publish_time) if publish_time is not None else 0
    message = Message(topic, row.get("message_id") or "", moment, {}, msgspec.json.encode(row))
    return make_dead_letter(
        message, rejected, row.get("event_id"), event_type, table_name=failed.table, column_name=failed.column
    )
