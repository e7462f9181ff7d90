"""Deduplicate for batch runs: two stages around files, so that neither events nor ids are shuffled, only references.

Stage one spills decoded events and their 60-byte identities. Stage two takes each shard of identities, finds what
repeats, and the third reads each spill again without its repeats. Memory does not grow with the input
(docs/decisions/0002).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.windowed_value import WindowedValue

from schemas.event import DeadLetter, make_dead_letter
from schemas.message import Message
from schemas.outcomes import Code, Rejected, Stage
from schemas.timestamps import from_datetime
from transforms.decode.identity import find_repeats
from transforms.deduplicate.spill import (
    OF_MESSAGES,
    IdSlice,
    Spill,
    read_ids,
    read_messages,
    read_rows,
    read_spill,
    write_spill,
)
from transforms.event_batch import EventBatch
from transforms.metrics import MeasuredBatch, measure_dead, measure_duplicates, measure_events
from transforms.sources.read_files import decode_attributes

SHARDS = 32
SPILL_ROWS = 16_384
DEAD = "dead"
MEASURED = "measured"
Dead: TypeAlias = TaggedOutput[Literal["dead"], list[DeadLetter]]
Measured: TypeAlias = TaggedOutput[Literal["measured"], MeasuredBatch]
IDS = "ids"
SpillOutput: TypeAlias = tuple[str, Spill] | TaggedOutput[Literal["ids"], tuple[int, IdSlice]]


class Deduplicated(NamedTuple):
    """The three outputs: distinct events, dead letters of conflicts, and what was counted."""

    events: beam.PCollection[EventBatch]
    dead: beam.PCollection[list[DeadLetter]]
    measured: beam.PCollection[MeasuredBatch]


@dataclass(kw_only=True)
class Deduplicate(beam.PTransform[beam.PCollection[EventBatch], Deduplicated]):
    """Keep the first event of every id. `temp` is a folder on one of Beam's file systems."""

    temp: str
    window_seconds: int
    lateness_seconds: int
    shards: int = SHARDS

    def __post_init__(self) -> None:
        if self.shards < 1:
            raise ValueError(f"shards must be at least 1, got {self.shards}")

    @no_annotations
    def expand(self, pcoll: beam.PCollection[EventBatch]) -> Deduplicated:
        spilled = pcoll | "Spill" >> beam.ParDo(_SpillFn(self.temp, self.shards)).with_outputs(IDS, main="spills")
        repeats = spilled[IDS] | "ByShard" >> beam.GroupByKey() | "FindRepeats" >> beam.ParDo(_FindRepeatsFn())
        kept = (
            {"spills": spilled.spills, "repeats": repeats}
            | "Verdicts" >> beam.CoGroupByKey()
            | "Keep"
            >> beam.ParDo(_KeepFn(self.window_seconds, self.lateness_seconds)).with_outputs(
                DEAD, MEASURED, main="events"
            )
        )
        return Deduplicated(kept.events, kept[DEAD], kept[MEASURED])


class _SpillFn(beam.DoFn):
    """Collects batches by table and writes the largest table's spill when they are many or the bundle ends."""

    def __init__(self, temp: str, shards: int) -> None:
        self._temp, self._shards = temp, shards

    def start_bundle(self) -> None:
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._rows: Counter[str] = Counter()

    def process(self, batch: EventBatch) -> Iterator[SpillOutput]:
        self._waiting.setdefault(batch.table, []).append(batch.rows)
        self._rows[batch.table] += batch.rows.num_rows
        if self._rows.total() >= SPILL_ROWS:
            yield from self._write(self._rows.most_common(1)[0][0])

    def finish_bundle(self) -> Iterator[SpillOutput]:
        for table in list(self._waiting):
            for output in self._write(table):
                if isinstance(output, TaggedOutput):
                    yield TaggedOutput(output.tag, _global(output.value))
                else:
                    yield _global(output)

    def _write(self, table: str) -> Iterator[SpillOutput]:
        del self._rows[table]
        spill, slices = write_spill(self._temp, table, self._waiting.pop(table), self._shards)
        yield spill.path, spill
        for shard, part in slices.items():
            yield TaggedOutput(IDS, (shard, part))


def _global(value: Any) -> WindowedValue:
    return WindowedValue(value, GlobalWindow().max_timestamp(), [GlobalWindow()])


class _FindRepeatsFn(beam.DoFn):
    def process(self, keyed: tuple[int, Iterable[IdSlice]]) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
        parts = sorted(keyed[1])
        ids = [read_ids(part) for part in parts]
        source = np.repeat(np.arange(len(parts), dtype=np.uint32), [len(part) for part in ids])
        repeats = find_repeats(np.concatenate(ids), source)
        for number in np.unique(repeats.source).tolist():
            mine = repeats.source == number
            yield parts[number].path, (repeats.row[mine].tobytes(), repeats.conflict[mine].tobytes())


class _KeepFn(beam.DoFn):
    def __init__(self, window_seconds: int, lateness_seconds: int) -> None:
        self._window, self._lateness = window_seconds, lateness_seconds

    def process(self, keyed: tuple[str, dict[str, Iterable[Any]]]) -> Iterator[EventBatch | Dead | Measured]:
        _, found = keyed
        repeats = list(found["repeats"])
        rows = np.frombuffer(b"".join(row for row, _ in repeats), np.uint32)
        conflicts = np.frombuffer(b"".join(conflict for _, conflict in repeats), bool)
        order = np.argsort(rows)
        for spill in found["spills"]:
            if len(rows):
                yield from self._repeats(spill, rows[order], conflicts[order])
            distinct = read_spill(spill, rows[order].tolist())
            if distinct.num_rows:
                yield EventBatch(spill.table, distinct)
                yield TaggedOutput(MEASURED, measure_events(distinct, self._window, self._lateness))

    def _repeats(self, spill: Spill, rows: np.ndarray, conflicts: np.ndarray) -> Iterator[Dead | Measured]:
        repeated = read_rows(spill, rows.tolist())
        publish = repeated.column("publish_time").cast(pa.int64()).to_numpy()
        topics = np.array(repeated.column("topic").to_pylist(), dtype=object)
        for topic in set(topics[~conflicts]):
            yield TaggedOutput(
                MEASURED, measure_duplicates(publish[~conflicts & (topics == topic)], topic, self._window)
            )
        if conflicts.any():
            messages = read_messages(spill, rows[conflicts].tolist())
            dead = conflict_dead_letters(repeated.filter(pa.array(conflicts)), messages)
            yield TaggedOutput(DEAD, dead)
            yield TaggedOutput(MEASURED, measure_dead(dead, 0, self._window))


def conflict_dead_letters(rows: pa.RecordBatch, messages: pa.RecordBatch) -> list[DeadLetter]:
    """Make the dead letters of events whose id was seen before with other content, `messages` of the same rows."""
    rejected = Rejected(
        Stage.IDENTITY, Code.EVENT_ID_CONFLICT, "eventId", "an event of this id was seen before with other content"
    )
    columns = ("topic", "message_id", "publish_time", "event_id", "event_type")
    return [
        make_dead_letter(
            Message(topic, message_id, from_datetime(publish_time), decode_attributes(attributes), payload),
            rejected,
            event_id,
            event_type,
        )
        for topic, message_id, publish_time, event_id, event_type, payload, attributes in zip(
            *(rows.column(name).to_pylist() for name in columns),
            *(messages.column(name).to_pylist() for name in OF_MESSAGES),
            strict=True,
        )
    ]
