"""FailedToDeadLetters: rows that a sink could not deliver become dead letters, in files that need no BigQuery."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import msgspec

from schemas.event import DeadLetter, dead_letter
from schemas.message import Message, topic_label
from schemas.outcomes import Code, Refused, Stage
from schemas.registry import REGISTRY
from schemas.tables.definitions import DEAD_LETTERS, EVENTS
from schemas.timestamps import from_datetime
from transforms.metrics import counter
from transforms.sinks.results import FailedRows

OUTCOME_TABLES = (EVENTS.name, DEAD_LETTERS.name)
"""A refused row of these is a message whose outcome stands in the files only; of others, a projection is behind."""


@dataclass(kw_only=True)
class FailedToDeadLetters(beam.PTransform[beam.PCollection[FailedRows], beam.PCollection[list[DeadLetter]]]):
    """Turn failed rows into dead letters whose payload is the row itself as JSON."""

    def expand(self, pcoll: beam.PCollection[FailedRows]) -> beam.PCollection[list[DeadLetter]]:
        return pcoll | "Letters" >> beam.ParDo(_letters_of)


def _letters_of(failed: FailedRows) -> Iterator[list[DeadLetter]]:
    letters = failed_letters(failed)
    counter(f"dead_letter_{failed.code}").inc(len(letters))
    if failed.table in OUTCOME_TABLES:
        for letter in letters:
            counter(f"refused_{topic_label(letter.topic)}").inc()
    yield letters


def failed_letters(failed: FailedRows) -> list[DeadLetter]:
    """Make one dead letter a row; `path` names the table, the payload is the row as JSON."""
    refused = Refused(Stage.SINK, Code(failed.code), failed.table, failed.reason)
    return [_letter(row, refused, failed.table) for row in failed.rows.to_pylist()]


def _letter(row: dict[str, Any], refused: Refused, table: str) -> DeadLetter:
    event_type = row.get("event_type")
    known = REGISTRY.get(event_type) if isinstance(event_type, str) else None
    topic = row.get("topic") or (known.topic if known else "unknown")
    publish_time = row.get("publish_time") or row.get("window_start") or row.get("ingest_time")
    moment = from_datetime(publish_time) if publish_time is not None else 0
    data = msgspec.json.encode(row)
    message = Message(topic, row.get("message_id") or "", moment, {}, data)
    return dead_letter(message, refused, row.get("event_id"), event_type, table_name=table)
