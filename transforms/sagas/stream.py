"""TrackSagasStream: every order's saga as its events arrive, in keyed state, with event-time timers for deadlines.

The key is a shard of orders, not an order: a stateful call costs Beam a millisecond, and an order has five facts
(docs/decisions/0007). State is a bag with the shard's log and the token of the log's content; the shard itself stays in
this process, and is read again from the log only if the token names another content. If the
runner's state does not outlive it, a shard starts with what the stores know of its orders (docs/decisions/0008).
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas.saga.reducer import DEFAULT_TIMEOUT_US, Saga
from transforms.clock import Clock, wall_us
from transforms.event_batch import EventBatch
from transforms.gc_pause import collector_paused
from transforms.metrics import counter
from transforms.process_state import ProcessState
from transforms.sagas.batch import ALERTED, Alerted
from transforms.sagas.columns import FACTS, by_order, order_saga_rows, saga_alert_rows, saga_facts, split_by_shard
from transforms.sagas.history import SagaHistory
from transforms.sagas.shard import LOG_LAYOUT, LOG_STATE, Changes, SagaShard
from transforms.state_layout import state_name
from transforms.table_rows import TableRows

DEFAULT_RETENTION_US = 30 * 86_400 * 1_000_000
_TOKEN_BYTES = 16
ShardedFacts = tuple[int, bytes]


class TrackedSagasStream(NamedTuple):
    """The outputs: rows of sagas without new alerts, and sagas with alerts and requests that are not published yet.

    AlertedRows makes the rows of the latter after publishing, so a row shows a later start that they were published.
    """

    rows: beam.PCollection[TableRows]
    alerted: beam.PCollection[list[Saga]]


@dataclass(kw_only=True)
class TrackSagasStream(beam.PTransform[beam.PCollection[EventBatch], TrackedSagasStream]):
    """Turn distinct events into the sagas of their orders (streaming runs).

    Args:
        run_id: the run that the rows name.
        timeout_us: a saga without a next step for this long is stuck, microseconds of event time.
        retention_us: forget an order this long after it was closed or, if stuck, after its deadline; microseconds.
        history: what the stores know of orders, for shards without state; None: start empty.
        interrupted: whether the end of the input is an interruption: then deadlines beyond the clock have not passed.
        clock: the wall clock, UTC microseconds.
        shards: number of keys of the state.
    """

    run_id: str
    timeout_us: int = DEFAULT_TIMEOUT_US
    retention_us: int = DEFAULT_RETENTION_US
    history: SagaHistory | None = None
    interrupted: Callable[[], bool] | None = None
    clock: Clock = wall_us
    shards: int = 2

    def __post_init__(self) -> None:
        for name in ("timeout_us", "retention_us", "shards"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @no_annotations
    def expand(self, pcoll: beam.PCollection[EventBatch]) -> TrackedSagasStream:
        facts = (
            pcoll
            | "Unwindow" >> beam.WindowInto(GlobalWindows())
            | "GatherFacts" >> beam.ParDo(_GatherFn(self.shards)).with_output_types(ShardedFacts)
        )
        if self.history is not None:
            self.history.read(self.shards)  # before the run: rows of its own would pass for what the last had not seen
            wake = pcoll.pipeline | "EveryShard" >> beam.Create(
                [(shard, b"") for shard in range(self.shards)], reshuffle=False
            ).with_output_types(ShardedFacts)
            facts = (facts, wake) | "OrNone" >> beam.Flatten()
        tracked = facts | "Track" >> beam.ParDo(_TrackFn(self)).with_outputs(ALERTED, main="rows")
        return TrackedSagasStream(tracked.rows, tracked[ALERTED])


@dataclass(kw_only=True)
class AlertedRows(beam.PTransform[beam.PCollection[list[Saga]], beam.PCollection[TableRows]]):
    """Turn sagas whose alerts were published into rows of both tables."""

    run_id: str

    def expand(self, pcoll: beam.PCollection[list[Saga]]) -> beam.PCollection[TableRows]:
        return pcoll | "ToRows" >> beam.FlatMap(_alerted_rows, self.run_id)


def _alerted_rows(sagas: list[Saga], run_id: str) -> Iterator[TableRows]:
    yield order_saga_rows(sagas, run_id)
    alerts = saga_alert_rows(sagas, run_id)
    if alerts is not None:
        yield alerts


class _GatherFn(beam.DoFn):
    """Outputs the facts of a bundle by shard, so that a shard is called once per bundle."""

    def __init__(self, shards: int) -> None:
        self._shards = shards

    def start_bundle(self) -> None:
        self._waiting: list[pa.RecordBatch] = []
        self._earliest: Timestamp | None = None

    def process(self, batch: EventBatch, timestamp: Any = beam.DoFn.TimestampParam) -> None:
        facts = saga_facts(batch.rows)
        if facts.num_rows:
            self._waiting.append(facts)
            self._earliest = timestamp if self._earliest is None else min(self._earliest, timestamp)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._waiting:
            for shard, part in split_by_shard(pa.Table.from_batches(self._waiting), self._shards):
                packed = part.combine_chunks().to_batches()[0].serialize().to_pybytes()
                yield WindowedValue((shard, packed), self._earliest, [GlobalWindow()])


_HELD: ProcessState[SagaShard] = ProcessState()


class _TrackFn(beam.DoFn):
    TOKEN = ReadModifyWriteStateSpec("token", BytesCoder())
    LOG = BagStateSpec(state_name(LOG_STATE, LOG_LAYOUT), BytesCoder())
    DUE = TimerSpec("due", TimeDomain.WATERMARK)

    def default_label(self) -> str:
        """Return the step's label: the runner finds state by it, so it must not follow the class's name."""
        return "Track"

    def __init__(self, spec: TrackSagasStream) -> None:
        self._step = secrets.token_hex(8)
        self._run_id, self._timeout_us, self._retention_us = spec.run_id, spec.timeout_us, spec.retention_us
        self._history, self._shards = spec.history, spec.shards
        self._interrupted, self._clock = spec.interrupted, spec.clock

    def process(
        self,
        element: ShardedFacts,
        token: Any = beam.DoFn.StateParam(TOKEN),
        log: Any = beam.DoFn.StateParam(LOG),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> Iterator[TableRows | Alerted]:
        number, packed = element
        shard, recalled = self._open(number, token, log)
        changes = recalled or Changes([], [], 0, b"")
        if packed:
            facts = pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(packed), FACTS)])
            yield from self._rows(changes)
            with collector_paused():
                changes = shard.add_facts(by_order(facts))
        self._close(number, shard, changes, token, log, due, rewrite=recalled is not None)
        yield from self._rows(changes)

    @on_timer(DUE)
    def on_due(
        self,
        number: Any = beam.DoFn.KeyParam,
        fired: Any = beam.DoFn.TimestampParam,
        token: Any = beam.DoFn.StateParam(TOKEN),
        log: Any = beam.DoFn.StateParam(LOG),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> Iterator[TableRows | Alerted]:
        """Find what is stuck, forget what is over, and come again for the next."""
        if self._interrupted is not None and fired.micros > self._clock() and self._interrupted():
            return
        shard, _ = self._open(number, token, log)
        changes = shard.advance(fired.micros)
        self._close(number, shard, changes, token, log, due)
        yield from self._rows(changes)

    def _open(self, number: int, token: Any, log: Any) -> tuple[SagaShard, Changes | None]:
        """Return the shard, and the changes of restoring it from the stores if its state was empty."""
        name = token.read() or b""
        shard = _HELD.take((self._step, number), name)
        if shard is not None:
            return shard, None
        shard = SagaShard(self._timeout_us, self._retention_us, log.read())
        if name or self._history is None:
            return shard, None
        return shard, shard.restore(self._history.take(number, self._shards))

    def _close(
        self, number: int, shard: SagaShard, changes: Changes, token: Any, log: Any, due: Any, rewrite: bool = False
    ) -> None:
        """Write changes to the state; `rewrite`: everything that the shard holds."""
        next_due = shard.next_due()
        if next_due is not None:
            due.set(Timestamp(micros=next_due))
        elif self._history is None:
            log.clear()
            token.clear()
            return
        if rewrite or shard.wants_snapshot:
            log.clear()
            for chunk in shard.snapshot():
                log.add(chunk)
        elif changes.log:
            log.add(changes.log)
        name = secrets.token_bytes(_TOKEN_BYTES)
        token.write(name)
        _HELD.put((self._step, number), name, shard)

    def _rows(self, changes: Changes) -> Iterator[TableRows | Alerted]:
        if changes.late:
            counter("saga_late").inc(changes.late)
        alerted = {saga.order_id for saga in changes.alerted}
        if quiet := [saga for saga in changes.sagas if saga.order_id not in alerted]:
            yield order_saga_rows(quiet, self._run_id)
        if changes.alerted:
            yield TaggedOutput(ALERTED, changes.alerted)
