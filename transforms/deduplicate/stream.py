"""DeduplicateStream: the first event of every id within a horizon, in keyed state; the views do the rest.

Events go to a shard of their id (seen_shards.py). A shard's state is a directory of time buckets, read and written once a
call, and a bag of packed ids for each bucket, which is appended to, and read only if this process does not hold the
ids already: the directory's token says whether it does. Event-time timers clear the buckets.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.timestamp import Timestamp

from schemas.event import DeadLetter
from schemas.registry import REGISTRY, Registry
from schemas.tables.definitions import typed_table
from schemas.timestamps import SECOND_US
from transforms.clock import Clock, wall_us
from transforms.decode.identity import identities
from transforms.deduplicate.batch import DEAD, MEASURED, Dead, Measured, conflict_dead_letters
from transforms.deduplicate.seen_ids import DedupResult, Seen, classify_ids
from transforms.deduplicate.sharding import ByShardFn, ShardedRows, unpack_tables
from transforms.deduplicate.state import EMPTY, LAYOUT, SLOTS, Directory, pack_ids, unpack_ids
from transforms.defaults import BUCKETS_A_HORIZON
from transforms.event_batch import EventBatch, wide_schema
from transforms.in_flight import InFlight
from transforms.metrics import MeasuredBatch, measure_dead, measure_duplicates, measure_events
from transforms.process_state import ProcessState
from transforms.state_layout import state_name

STORED = "stored"
Stored: TypeAlias = TaggedOutput[Literal["stored"], EventBatch]


class DeduplicatedStream(NamedTuple):
    """The outputs: distinct events, events to store, conflicts and measures.

    Events to store are the distinct events, and duplicates that were published before the retained event.
    """

    events: beam.PCollection[EventBatch]
    stored: beam.PCollection[EventBatch]
    dead: beam.PCollection[list[DeadLetter]]
    measured: beam.PCollection[MeasuredBatch]


@dataclass(kw_only=True)
class DeduplicateStream(beam.PTransform[beam.PCollection[EventBatch], DeduplicatedStream]):
    """Keep the first event of every id.

    Args:
        run_id: the run.
        window_seconds: width of a metrics window, in seconds.
        lateness_seconds: events published later than this after their window's end count as late.
        horizon_seconds: how long an id is remembered, in seconds of publish time; at least 4.
        shards: number of keys of the state.
        registry: the event types.
        clock: the wall clock, UTC microseconds.
    """

    run_id: str
    window_seconds: int
    lateness_seconds: int
    horizon_seconds: int = 3600
    shards: int = 2
    registry: Registry = REGISTRY
    clock: Clock = wall_us

    def __post_init__(self) -> None:
        if self.shards < 1:
            raise ValueError(f"shards must be at least 1, got {self.shards}")
        if self.horizon_seconds < BUCKETS_A_HORIZON:
            raise ValueError(f"horizon_seconds must be at least {BUCKETS_A_HORIZON}, got {self.horizon_seconds}")

    @no_annotations
    def expand(self, pcoll: beam.PCollection[EventBatch]) -> DeduplicatedStream:
        out = (
            pcoll
            | "Unwindow" >> beam.WindowInto(GlobalWindows())
            | "ByShard" >> beam.ParDo(ByShardFn(self.shards)).with_output_types(ShardedRows)
            | "Judge" >> beam.ParDo(_JudgeFn(self)).with_outputs(STORED, DEAD, MEASURED, main="events")
        )
        return DeduplicatedStream(out.events, out[STORED], out[DEAD], out[MEASURED])


_HELD: ProcessState[Seen] = ProcessState()


class _JudgeFn(beam.DoFn):
    DIRECTORY = ReadModifyWriteStateSpec(state_name("directory", LAYOUT), BytesCoder())
    BAGS = [BagStateSpec(state_name(f"ids{slot}", LAYOUT), BytesCoder()) for slot in range(SLOTS)]
    CLEAR = TimerSpec("clear", TimeDomain.WATERMARK)

    def default_label(self) -> str:
        """Return the step's label: the runner finds state by it, so it must not follow the class's name."""
        return "Judge"

    def __init__(self, spec: DeduplicateStream) -> None:
        self._step, self._in_flight = secrets.token_hex(8), InFlight(spec.run_id)
        self._window, self._lateness, self._clock = spec.window_seconds, spec.lateness_seconds, spec.clock
        self._bucket_us = spec.horizon_seconds * SECOND_US // BUCKETS_A_HORIZON
        self._horizon_us = spec.horizon_seconds * SECOND_US
        self._schemas = {name: wide_schema(typed_table(name, spec.registry)) for name in spec.registry.by_table()}

    def process(
        self,
        element: ShardedRows,
        directory_state: Any = beam.DoFn.StateParam(DIRECTORY),
        bag0: Any = beam.DoFn.StateParam(BAGS[0]),
        bag1: Any = beam.DoFn.StateParam(BAGS[1]),
        bag2: Any = beam.DoFn.StateParam(BAGS[2]),
        bag3: Any = beam.DoFn.StateParam(BAGS[3]),
        bag4: Any = beam.DoFn.StateParam(BAGS[4]),
        bag5: Any = beam.DoFn.StateParam(BAGS[5]),
        clear: Any = beam.DoFn.TimerParam(CLEAR),
    ) -> Iterator[EventBatch | Stored | Dead | Measured]:
        shard, packed = element
        bags = (bag0, bag1, bag2, bag3, bag4, bag5)
        directory = Directory(directory_state.read())
        key = (self._step, shard)
        held = _HELD.take(key, directory.token)
        seen = _read(directory, bags) if held is None else held
        judged = []
        for table, data in unpack_tables(packed):
            rows = pa.ipc.read_record_batch(pa.py_buffer(data), self._schemas[table])
            verdict = classify_ids(identities(rows), seen)
            self._remember(verdict.added, seen, directory, bags)
            judged.append((EventBatch(table, rows), verdict))
        directory_state.write(directory.pack())
        _HELD.put(key, directory.token, seen)
        if live := directory.live():
            clear.set(Timestamp(micros=self._expiry(live[0])))
        for batch, verdict in judged:
            yield from self._outcomes(batch, verdict)

    @on_timer(CLEAR)
    def clear_buckets(
        self,
        shard: Any = beam.DoFn.KeyParam,
        fired: Any = beam.DoFn.TimestampParam,
        directory_state: Any = beam.DoFn.StateParam(DIRECTORY),
        bag0: Any = beam.DoFn.StateParam(BAGS[0]),
        bag1: Any = beam.DoFn.StateParam(BAGS[1]),
        bag2: Any = beam.DoFn.StateParam(BAGS[2]),
        bag3: Any = beam.DoFn.StateParam(BAGS[3]),
        bag4: Any = beam.DoFn.StateParam(BAGS[4]),
        bag5: Any = beam.DoFn.StateParam(BAGS[5]),
        clear: Any = beam.DoFn.TimerParam(CLEAR),
    ) -> None:
        """Drop the buckets whose horizon has passed, and come again for the next."""
        bags = (bag0, bag1, bag2, bag3, bag4, bag5)
        directory = Directory(directory_state.read())
        seen = _HELD.take((self._step, shard), directory.token)
        for slot, bucket in enumerate(directory.buckets):
            if bucket != EMPTY and self._expiry(bucket) <= fired.micros:
                bags[slot].clear()
                directory.buckets[slot] = EMPTY
                if seen is not None:
                    seen.drop(bucket)
        live = directory.live()
        if not live:
            directory_state.clear()
            return
        directory_state.write(directory.pack())
        clear.set(Timestamp(micros=self._expiry(live[0])))
        if seen is not None:
            _HELD.put((self._step, shard), directory.token, seen)

    def _expiry(self, bucket: int) -> int:
        return (bucket + 1) * self._bucket_us + self._horizon_us

    def _remember(self, added: np.ndarray, seen: Seen, directory: Directory, bags: tuple[Any, ...]) -> None:
        buckets = added["publish_time"] // self._bucket_us
        for bucket in np.unique(buckets).tolist():
            slot = bucket % SLOTS
            held = directory.buckets[slot]
            if held > bucket:
                continue  # far older than what came last: not remembered, the views drop a repeat
            if held != bucket:
                bags[slot].clear()
                seen.drop(held)
                directory.buckets[slot] = bucket
            mine = added[buckets == bucket]
            seen.add(bucket, mine)
            bags[slot].add(pack_ids(mine))

    def _outcomes(self, batch: EventBatch, verdict: DedupResult) -> Iterator[EventBatch | Stored | Dead | Measured]:
        new, duplicate, earlier, conflict = verdict.new, verdict.duplicate, verdict.earlier, verdict.conflict
        if new.any():
            fresh = batch.rows if new.all() else batch.rows.filter(pa.array(new))
            yield EventBatch(batch.table, fresh)
            yield TaggedOutput(STORED, EventBatch(batch.table, fresh))
            yield TaggedOutput(MEASURED, measure_events(fresh, self._window, self._lateness, self._clock()))
        if earlier.any():
            yield TaggedOutput(STORED, EventBatch(batch.table, batch.rows.filter(pa.array(earlier))))
        self._in_flight.remove(int((duplicate & ~earlier).sum()))
        if duplicate.any():
            again = batch.rows.filter(pa.array(duplicate))
            publish = again.column("publish_time").cast(pa.int64()).to_numpy()
            topics = np.array(again.column("topic").to_pylist(), dtype=object)
            for topic in set(topics):
                yield TaggedOutput(MEASURED, measure_duplicates(publish[topics == topic], topic, self._window))
        if conflict.any():
            repeated = batch.rows.filter(pa.array(conflict))
            dead = conflict_dead_letters(repeated, repeated)
            yield TaggedOutput(DEAD, dead)
            yield TaggedOutput(MEASURED, measure_dead(dead, 0, self._window))


def _read(directory: Directory, bags: tuple[Any, ...]) -> Seen:
    """Read a shard's ids from its state: after a restart of the worker or a bundle that failed."""
    seen = Seen()
    for slot, bucket in enumerate(directory.buckets):
        if bucket != EMPTY:
            seen.add(bucket, unpack_ids(bags[slot].read()))
    return seen
