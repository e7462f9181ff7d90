"""Pathway: lines as a table, the project's decoder in a UDF, one reducer per event id, rows passed to the writer.

The first of an event's copies is the least by publish time and message id: `argmin` points at the row that has it.
"""

from pathlib import Path
from typing import Any

import pathway as pw

from benchmarks.inputs import BATCH, topic_files
from benchmarks.parquet import ParquetParts
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message, parse_line

_decode = Decoder().decode
_Told = tuple[str, str, pw.PyObjectWrapper]


@pw.udf(deterministic=True)
def _event(line: str) -> _Told | None:
    message = parse_line(line.encode(), "")
    event = _decode(message) if isinstance(message, Message) else None
    if not isinstance(event, Event):
        return None
    return event.event_id, f"{event.publish_time:020d} {event.message_id}", pw.wrap_py_object(event)


class _Writer:
    def __init__(self, output: Path) -> None:
        self._parts = ParquetParts(output)
        self._waiting: list[Event] = []

    def change(self, key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        assert is_addition, "a bounded input revises nothing"
        self._waiting.append(row["event"].value)
        if len(self._waiting) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        self._parts.add_events(self._waiting)
        self._waiting = []

    def end(self) -> None:
        self._flush()
        self._parts.close()


def run(source: Path, output: Path) -> None:
    """Run it in this process, one worker."""
    files = [pw.io.plaintext.read(path, mode="static") for path in topic_files(source)]
    lines = pw.Table.concat_reindex(*files)
    decoded = lines.select(decoded=_event(pw.this.data)).filter(pw.this.decoded.is_not_none())
    decoded = decoded.select(decoded=pw.unwrap(pw.this.decoded))
    events = decoded.select(event_id=pw.this.decoded[0], order=pw.this.decoded[1], event=pw.this.decoded[2])
    first = events.groupby(pw.this.event_id).reduce(row=pw.reducers.argmin(pw.this.order))
    kept = events.ix(first.row).select(pw.this.event)
    writer = _Writer(output)
    pw.io.subscribe(kept, on_change=writer.change, on_end=writer.end)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
