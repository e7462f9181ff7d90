"""TrackSagas for batch runs: every order's saga from all facts of the input, as rows of order_sagas and saga_alerts.

Facts are gathered by bundle and shuffled as compressed columns by shard of their order; a shard is sorted once and
folded order by order. No element is an order: a group costs Beam more than reducing a saga.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.windowed_value import WindowedValue

from schemas.saga.reducer import DEFAULT_TIMEOUT_US, END_OF_INPUT_US, Saga, reduce_saga
from transforms.event_batch import EventBatch
from transforms.gc_pause import collector_paused
from transforms.sagas.columns import by_order, order_saga_rows, saga_alert_rows, saga_facts, split_by_shard
from transforms.spilled_partials import Partial, Partials, read_partials
from transforms.table_rows import TableRows
from transforms.windows.counts import from_ipc, to_ipc

SHARDS = 16
GATHERED_FACTS = 65_536
SAGAS_A_BATCH = 8_192
ALERTED = "alerted"
CLOCK = "clock"
Alerted: TypeAlias = TaggedOutput[Literal["alerted"], list[Saga]]
Clock: TypeAlias = TaggedOutput[Literal["clock"], int]


class TrackedSagas(NamedTuple):
    """The outputs: rows of both tables, the sagas with alerts or owed compensations, and publish times seen.

    The newest of `clock` is how far the input's own clock went: an alert beyond it has not happened yet.
    """

    rows: beam.PCollection[TableRows]
    alerted: beam.PCollection[list[Saga]]
    clock: beam.PCollection[int]


@dataclass(kw_only=True)
class TrackSagas(beam.PTransform[beam.PCollection[EventBatch], TrackedSagas]):
    """Turn distinct events into the sagas of their orders (batch runs).

    Args:
        run_id: the run that the rows name.
        timeout_us: a saga without a next step for this long is stuck, microseconds of event time.
        shards: number of groups of orders.
        temp: a folder for facts, so that only references are shuffled; None: shuffle them.
    """

    run_id: str
    timeout_us: int = DEFAULT_TIMEOUT_US
    shards: int = SHARDS
    temp: str | None = None

    def __post_init__(self) -> None:
        if self.timeout_us <= 0:
            raise ValueError(f"timeout_us must be positive, got {self.timeout_us}")
        if self.shards < 1:
            raise ValueError(f"shards must be at least 1, got {self.shards}")

    @no_annotations
    def expand(self, pcoll: beam.PCollection[EventBatch]) -> TrackedSagas:
        gathered = pcoll | "GatherFacts" >> beam.ParDo(_GatherFn(self.shards, self.temp)).with_outputs(
            CLOCK, main="facts"
        )
        folded = (
            gathered.facts
            | "ByShard" >> beam.GroupByKey()
            | "Fold" >> beam.ParDo(_FoldFn(self.run_id, self.timeout_us)).with_outputs(ALERTED, main="rows")
        )
        return TrackedSagas(folded.rows, folded[ALERTED], gathered[CLOCK])


def sagas_of(facts: pa.Table, timeout_us: int) -> Iterator[Saga]:
    """Yield the saga of every order in a table of facts, by order id, as the end of a batch input decides them."""
    for order in by_order(facts):
        yield reduce_saga(order.order_id, order.facts, now_us=END_OF_INPUT_US, timeout_us=timeout_us)


class _GatherFn(beam.DoFn):
    """Collects the facts of a bundle and outputs them by shard; and the newest publish time of the bundle."""

    def __init__(self, shards: int, temp: str | None) -> None:
        self._shards, self._temp = shards, temp

    def start_bundle(self) -> None:
        self._partials = Partials(self._temp)
        self._waiting: list[pa.RecordBatch] = []
        self._size = 0
        self._newest: int | None = None

    def process(self, batch: EventBatch) -> Iterator[tuple[int, Partial] | Clock]:
        newest = pc.max(batch.rows.column("publish_time")).cast(pa.int64()).as_py()
        if newest is not None and (self._newest is None or newest > self._newest):
            self._newest = newest
        facts = saga_facts(batch.rows)
        if facts.num_rows:
            self._waiting.append(facts)
            self._size += facts.num_rows
        if self._size >= GATHERED_FACTS:
            yield from self._take()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for keyed in self._take():
            yield _global(keyed)
        self._partials.close()
        if self._newest is not None:
            yield TaggedOutput(CLOCK, _global(self._newest))

    def _take(self) -> Iterator[tuple[int, Partial]]:
        if self._waiting:
            facts = pa.Table.from_batches(self._waiting)
            self._waiting, self._size = [], 0
            for shard, part in split_by_shard(facts, self._shards):
                yield shard, self._partials.put(to_ipc(part))


def _global(value: object) -> WindowedValue:
    return WindowedValue(value, GlobalWindow().max_timestamp(), [GlobalWindow()])


class _FoldFn(beam.DoFn):
    def __init__(self, run_id: str, timeout_us: int) -> None:
        self._run_id, self._timeout_us = run_id, timeout_us

    def process(self, keyed: tuple[int, Iterable[Partial]]) -> Iterator[TableRows | Alerted]:
        folded = sagas_of(pa.concat_tables(map(from_ipc, read_partials(keyed[1]))), self._timeout_us)
        while True:
            with collector_paused():
                sagas = list(islice(folded, SAGAS_A_BATCH))
            if not sagas:
                return
            yield from self._rows(sagas)

    def _rows(self, sagas: list[Saga]) -> Iterator[TableRows | Alerted]:
        yield order_saga_rows(sagas, self._run_id)
        alerted = [saga for saga in sagas if saga.raised or saga.requests]
        alerts = saga_alert_rows(alerted, self._run_id)
        if alerts is not None:
            yield alerts
        if alerted:
            yield TaggedOutput(ALERTED, alerted)
