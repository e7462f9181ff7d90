"""Dead letters in their two stored forms: rows of `event_store.dead_letters`, and JSON lines of the lake's files."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import apache_beam as beam
import msgspec
import pyarrow as pa

from schemas.event import DeadLetter
from schemas.tables.definitions import DEAD_LETTERS
from schemas.timestamps import from_datetime, to_rfc3339
from transforms.table_rows import Run, TableRows


def dead_letter_cells(dead_letter: DeadLetter, run: Run) -> dict[str, object]:
    """Return one dead letter as the cells of its table; a line without a publish time takes the start of the run."""
    return {
        "dead_letter_id": dead_letter.dead_letter_id,
        "failed_time": run.started if dead_letter.publish_time is None else dead_letter.publish_time,
        "stage": dead_letter.stage,
        "error_code": dead_letter.code,
        "path": dead_letter.path or None,
        "table_name": dead_letter.table_name,
        "column_name": dead_letter.column_name,
        "error_message": dead_letter.error_message,
        "topic": dead_letter.topic,
        "message_id": dead_letter.message_id,
        "publish_time": dead_letter.publish_time,
        "attributes": msgspec.json.encode(dead_letter.attributes).decode(),
        "payload": dead_letter.data,
        "payload_size": dead_letter.size,
        "payload_sha256": dead_letter.sha256,
        "event_id": dead_letter.event_id,
        "event_type": dead_letter.event_type,
        "attempt": dead_letter.attempt,
        "pipeline_version": run.version,
        "ingest_time": run.started,
        "run_id": run.run_id,
    }


def dead_letter_rows(dead_letters: Iterable[DeadLetter], run: Run) -> pa.RecordBatch:
    """Return rows of event_store.dead_letters."""
    return pa.RecordBatch.from_pylist(
        [dead_letter_cells(dead_letter, run) for dead_letter in dead_letters], DEAD_LETTERS.arrow_schema()
    )


def dead_letter_line(dead_letter: DeadLetter, run: Run) -> bytes:
    """Return one dead letter as a JSON line."""
    return cells_line(dead_letter_cells(dead_letter, run))


def cells_line(cells: Mapping[str, object]) -> bytes:
    """Return the cells of a row as a JSON line: times in RFC 3339, attributes as an object, the payload in base64.

    Args:
        cells: by column; times as UTC microseconds or datetimes, attributes as JSON text, the payload as bytes.
    """
    line = dict(cells)
    for name in ("failed_time", "publish_time", "ingest_time"):
        moment = line[name]
        if isinstance(moment, datetime):
            moment = from_datetime(moment)
        line[name] = to_rfc3339(moment) if isinstance(moment, int) else None
    attributes, payload = line["attributes"], line["payload"]
    line["attributes"] = msgspec.json.decode(attributes) if isinstance(attributes, str) else {}
    line["payload"] = base64.b64encode(payload).decode() if isinstance(payload, bytes) else ""
    return msgspec.json.encode(line) + b"\n"


def failed_day(dead_letter: DeadLetter, run: Run) -> str:
    """Return the partition of a dead letter's file, `dt=2026-06-15`."""
    moment = run.started if dead_letter.publish_time is None else dead_letter.publish_time
    return f"dt={to_rfc3339(moment)[:10]}"


@dataclass(kw_only=True)
class DeadLetterRows(beam.PTransform[beam.PCollection[list[DeadLetter]], beam.PCollection[TableRows]]):
    """Turn dead letters into rows of their table."""

    run: Run

    def expand(self, pcoll: beam.PCollection[list[DeadLetter]]) -> beam.PCollection[TableRows]:
        return pcoll | "Rows" >> beam.ParDo(_rows_of, self.run)


def _rows_of(dead_letters: list[DeadLetter], run: Run) -> Iterator[TableRows]:
    yield TableRows(DEAD_LETTERS.name, dead_letter_rows(dead_letters, run))
