"""A plain loop written for speed: msgspec structs for ordinary messages, the full decoder for the rest.

For the same outcome the structs must not accept what the contract rejects. So a message takes this path only if nothing
is unknown, escaped, repeated, out of range or cut: keys are counted in the text and in the structs, which finds one
that occurs twice. Every other message (about one in twelve of the data set) is decoded by the project's decoder.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from benchmarks.inputs import message_batches
from benchmarks.parquet import ParquetParts
from benchmarks.variants.msgspec_models import DATA, ENVELOPE, Slow
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import MAX_BYTES, Message
from schemas.registry import REGISTRY
from schemas.tables.definitions import TABLES
from schemas.timestamps import EARLIEST_EVENT_US, MAX_AHEAD_US, parse_rfc3339
from transforms.event_batch import to_batch, wide_schema
from transforms.gc_pause import collector_paused

_EXTRA_COLUMNS = 3
"""The wide batch's last columns: what only the pipeline's later steps need."""
_ODD = re.compile(rb"[\\\x7f]|\xc2[\x80-\x9f]").search
_TYPES = {event_type.name: (event_type.source, event_type.topic, event_type.table) for event_type in REGISTRY}
Row = tuple[Any, ...]


def plain_row(message: Message) -> tuple[str, str, Row]:
    """Return table, event id and cells of an ordinary message; raise Slow or msgspec's error for others."""
    raw = message.data
    if len(raw) > MAX_BYTES or _ODD(raw):
        raise Slow
    event = ENVELOPE(raw)
    name, metadata = event.eventType, event.metadata
    source, topic, table = _TYPES[name]
    decode, cells = DATA[name]
    data = decode(event.data)
    keys, entity, amount, typed = cells(data, message.publish_time)
    keys += 7 + (event.dataContentType is not msgspec.UNSET) + (metadata.causationId is not msgspec.UNSET)
    at, cut = parse_rfc3339(event.eventTime)
    publish = message.publish_time
    if (
        raw.count(b'":') != keys
        or source != event.source
        or topic != message.topic
        or cut
        or not EARLIEST_EVENT_US <= at <= publish + MAX_AHEAD_US
    ):
        raise Slow
    event_id = event.eventId.lower()
    cause = metadata.causationId.lower() if metadata.causationId else None
    head = (
        event_id,
        name,
        at,
        source,
        topic,
        entity,
        metadata.correlationId.lower(),
        cause,
        bytes(event.data).decode(),
    )
    return table, event_id, (*head, None, (), message.message_id, publish, amount, *typed)


class _Rows:
    """Rows by table, converted to Arrow batch by batch."""

    def __init__(self) -> None:
        schemas = {event_type.table: wide_schema(TABLES[event_type.table]) for event_type in REGISTRY}
        self._schemas = {name: pa.schema(list(event_type)[:-_EXTRA_COLUMNS]) for name, event_type in schemas.items()}

    def batches(self, rows: dict[str, list[Row]]) -> Iterable[tuple[str, pa.RecordBatch]]:
        return ((table, to_batch(cells, self._schemas[table])) for table, cells in rows.items())


def run(source: Path, output: Path) -> None:
    """Run it."""
    decode, parts, seen, arrow = Decoder().decode, ParquetParts(output), set[str](), _Rows()
    for batch in message_batches(source):
        with collector_paused():
            rows: dict[str, list[Row]] = {}
            odd: list[Event] = []
            for message in batch:
                try:
                    table, event_id, row = plain_row(message)
                except (Slow, msgspec.DecodeError, KeyError, ValueError):
                    event = decode(message)
                    if type(event) is Event and event.event_id not in seen:
                        seen.add(event.event_id)
                        odd.append(event)
                    continue
                if event_id not in seen:
                    seen.add(event_id)
                    rows.setdefault(table, []).append(row)
            for table, wide in arrow.batches(rows):
                parts.add_wide(table, wide)
            parts.add_events(odd)
    parts.close()
