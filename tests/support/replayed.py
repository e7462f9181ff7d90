"""A stream and a replay of it, from the pipeline's own functions, without Beam: what each stores, counts, knows.

The stream takes deliveries in the order of arrival, in batches, judged by what was seen before; its windows fire when a
watermark at any position fires, and again for later messages. The replay reads the archive once, at the end.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.decode.decoder import Decoder
from schemas.message import Message
from schemas.registry import REGISTRY
from schemas.saga.reducer import Saga
from schemas.tables.definitions import EVENTS, TABLES, typed_table
from schemas.timestamps import SECOND_US, to_rfc3339
from transforms.decode.decode import decode_batch
from transforms.decode.identity import find_repeats, identities
from transforms.deduplicate.seen_ids import Seen, classify_ids
from transforms.event_batch import EventBatch, EventColumns
from transforms.sagas.batch import sagas_of
from transforms.sagas.columns import saga_facts
from transforms.sinks.files.telemetry import TABLE as TELEMETRY
from transforms.table_rows import Run, event_rows, typed_rows
from transforms.windows.counts import count_rows, merge_counts
from transforms.windows.counts_stream import split_late
from transforms.windows.features import features, measurements

WINDOW = 60
LATENESS = 86_400
TIMEOUT = 1800 * SECOND_US
START = 1_781_524_200 * SECOND_US
"""2026-06-15T11:50:00Z."""
Features = Callable[[pa.Table, int], pa.Table]


@dataclass
class Known:
    """What a run leaves behind: rows by table, counts, features and sagas."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    counts: dict[tuple[int, str], tuple[int, Any]] = field(default_factory=dict)
    features: list[dict[str, Any]] = field(default_factory=list)
    sagas: list[Saga] = field(default_factory=list)


def message(
    number: int, copy: int, event_type: str, event_time: int, publish_time: int, data: dict[str, Any]
) -> Message:
    """Return one delivery of an event; copies have message ids and publish times of their own."""
    known = REGISTRY.get(event_type)
    assert known is not None
    envelope = {
        "eventId": str(uuid.UUID(int=number + 1)), "eventType": event_type, "eventTime": to_rfc3339(event_time),
        "source": known.source, "data": data, "metadata": {"correlationId": str(uuid.UUID(int=7))},
    }  # fmt: skip
    return Message(known.topic, f"m{number:03d}-{copy}", publish_time, {}, json.dumps(envelope).encode())


def _decoded(messages: Iterable[Message]) -> list[EventBatch]:
    events, _ = decode_batch(Decoder(), messages)
    return EventColumns().batches(events)


def _store(known: Known, batch: EventBatch, run: str) -> None:
    by = Run(run, START, "0")
    known.rows.setdefault(EVENTS.name, []).extend(event_rows(batch.rows, by).to_pylist())
    known.rows.setdefault(batch.table, []).extend(typed_rows(batch.rows, typed_table(batch.table), by).to_pylist())


def _counted(partials: Sequence[pa.Table]) -> dict[tuple[int, str], tuple[int, Any]]:
    if not partials:
        return {}
    rows = merge_counts(partials).to_pylist()
    return {(row["window_start"], row["event_type"]): (row["events"], row["amount"]) for row in rows}


def stream(
    batches: Sequence[Sequence[Message]], fires: Sequence[bool], forgets: Sequence[bool], make: Features = features
) -> Known:
    """Run the stream. `fires[i]`: windows fire after batch i. `forgets[i]`: a restart before batch i with lost state.

    Rows that a restart with lost state counts twice are not compared (docs/data-contract.md#outputs).
    """
    known, seen = Known(), Seen()
    timely: list[pa.Table] = []
    late: list[pa.Table] = []
    measured: list[pa.Table] = []
    facts: list[pa.Table] = []
    for number, messages in enumerate(batches):
        if forgets[number]:
            seen = Seen()
        for batch in _decoded(messages):
            ids = identities(batch.rows)
            verdict = classify_ids(ids, seen)
            seen.add(0, verdict.added)
            kept = batch.rows.filter(pa.array(verdict.new | verdict.earlier))
            new = batch.rows.filter(pa.array(verdict.new))
            _store(known, EventBatch(batch.table, kept), f"stream-{number}")
            in_time, too_late = split_late(new, WINDOW, LATENESS)
            timely += [count_rows(in_time, WINDOW)] if in_time.num_rows else []
            late += [count_rows(too_late, WINDOW)] if too_late.num_rows else []
            facts.append(pa.Table.from_batches([saga_facts(new)]))
            if batch.table == TELEMETRY and new.num_rows:
                measured.append(pa.Table.from_batches([measurements(new)]))
        if fires[number] and measured:
            known.features = make(pa.concat_tables(measured), WINDOW).to_pylist()
    if measured:
        known.features = make(pa.concat_tables(measured), WINDOW).to_pylist()
    known.counts = _counted([*timely, *late])
    known.sagas = list(sagas_of(pa.concat_tables(facts), TIMEOUT)) if facts else []
    return known


def replay(archive: Sequence[Message], make: Features = features) -> Known:
    """Run the replay: the whole archive, in any order, at once."""
    known = Known()
    batches = _decoded(archive)
    measured, counts, facts = [], [], []
    for batch in batches:
        ids = identities(batch.rows)
        repeats = find_repeats(ids, np.zeros(len(ids), np.uint32))
        keep = np.ones(len(ids), bool)
        keep[repeats.row] = False
        rows = batch.rows.filter(pa.array(keep))
        _store(known, EventBatch(batch.table, rows), "replay")
        counts.append(count_rows(rows, WINDOW))
        facts.append(pa.Table.from_batches([saga_facts(rows)]))
        if batch.table == TELEMETRY:
            measured.append(pa.Table.from_batches([measurements(rows)]))
    known.features = make(pa.concat_tables(measured), WINDOW).to_pylist() if measured else []
    known.counts = _counted(counts)
    known.sagas = list(sagas_of(pa.concat_tables(facts), TIMEOUT)) if facts else []
    return known


def tables_of(known: Known) -> dict[tuple[str, str], Any]:
    """Return the stored rows in the form that DuckViews loads; a table without rows is emptied."""
    names = (EVENTS.name, *REGISTRY.by_table())
    return {(TABLES[name].dataset, name): (TABLES[name], known.rows.get(name, [])) for name in names}
