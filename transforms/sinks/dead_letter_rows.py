"""Dead letters on their way to the store: rows of the table, lines of the files. One tail writes them all."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import msgspec
import pyarrow as pa

from schemas.event import DeadLetter
from schemas.tables.definitions import DEAD_LETTERS
from schemas.timestamps import to_rfc3339
from transforms.table_rows import Run, TableRows


def dead_letter_cells(letter: DeadLetter, run: Run) -> dict[str, object]:
    """Return one dead letter as the cells of its table; a line without a clock takes the run's."""
    return {
        "dead_letter_id": letter.dead_letter_id,
        "failed_time": run.started if letter.publish_time is None else letter.publish_time,
        "stage": letter.stage,
        "error_code": letter.code,
        "path": letter.path or None,
        "table_name": letter.table_name,
        "column_name": letter.column_name,
        "error_message": letter.error_message,
        "topic": letter.topic,
        "message_id": letter.message_id,
        "publish_time": letter.publish_time,
        "attributes": msgspec.json.encode(letter.attributes).decode(),
        "payload": letter.data,
        "payload_size": letter.size,
        "payload_sha256": letter.sha256,
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "attempt": letter.attempt,
        "pipeline_version": run.version,
        "ingest_time": run.started,
        "run_id": run.run_id,
    }


def dead_letter_rows(letters: Iterable[DeadLetter], run: Run) -> pa.RecordBatch:
    """Return rows of event_store.dead_letters."""
    return pa.RecordBatch.from_pylist([dead_letter_cells(one, run) for one in letters], DEAD_LETTERS.arrow_schema())


def dead_letter_line(letter: DeadLetter, run: Run) -> bytes:
    """Return one dead letter as a JSON line: the table's cells, times in RFC 3339, the payload in base64."""
    cells = dead_letter_cells(letter, run)
    for name in ("failed_time", "publish_time", "ingest_time"):
        moment = cells[name]
        cells[name] = to_rfc3339(moment) if isinstance(moment, int) else None
    cells["attributes"] = letter.attributes
    cells["payload"] = base64.b64encode(letter.data).decode()
    return msgspec.json.encode(cells) + b"\n"


def failed_day(letter: DeadLetter, run: Run) -> str:
    """Return the partition of a dead letter's file, `dt=2026-06-15`."""
    moment = run.started if letter.publish_time is None else letter.publish_time
    return f"dt={to_rfc3339(moment)[:10]}"


@dataclass(kw_only=True)
class DeadLetterRows(beam.PTransform[beam.PCollection[list[DeadLetter]], beam.PCollection[TableRows]]):
    """Turn dead letters into rows of their table."""

    run: Run

    def expand(self, pcoll: beam.PCollection[list[DeadLetter]]) -> beam.PCollection[TableRows]:
        return pcoll | "Rows" >> beam.ParDo(_rows_of, self.run)


def _rows_of(letters: list[DeadLetter], run: Run) -> Iterator[TableRows]:
    yield TableRows(DEAD_LETTERS.name, dead_letter_rows(letters, run))
