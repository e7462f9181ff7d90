"""The sagas of one shard of orders while they live: facts in, changed sagas and alerts out, and a log to rebuild from.

Pure: no Beam, no clock. The stateful step keeps the log in a bag and this object in memory (docs/decisions/0007).
Every order has one time at which it must be looked at again: its deadline, then the end of its retention, then the
end of the time in which facts that come too late are recognised. So whatever is held goes in the end.
"""

import heapq
import json
from collections.abc import Iterable, Iterator
from enum import IntEnum
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from schemas.saga.facts import SagaFact, append_facts, decode_facts, encode_facts
from schemas.saga.reducer import END_OF_INPUT_US, CompensationRequest, Saga, order_facts, reduce_saga
from schemas.saga.transitions import AlertName
from transforms.sagas.columns import OrderFacts
from transforms.state_layout import add_version, strip_version

DEADLINE_GRAIN_US: Final = 10_000_000
RETENTION_GRAIN_US: Final = 3_600_000_000
"""Orders are looked at on multiples of these, or of 1/6 of a short timeout and 1/24 of a short retention, so that a shard's
timers are few: a runner that keeps a key's data and timers in order makes two calls for each."""
_LOG_ORDERS: Final = 3  # the log may hold this many records per order before it is rewritten
LOG_LAYOUT: Final = 1
LOG_STATE: Final = "log"
"""Name and layout version of the log in keyed state; a change of `Held` or of a fact's bytes raises the version."""
_BITS: Final = {name: 1 << number for number, name in enumerate(AlertName)}
_REQUEST_BYTES: Final = 8
_SNAPSHOT_ORDERS: Final = 10_000


class Stage(IntEnum):
    """What an order's due time is: its deadline, the end of its retention, or the end of its memory; GONE is after."""

    WAITS = 0
    SETTLED = 1
    FORGOTTEN = 2
    GONE = 3


class Held(msgspec.Struct, array_like=True):
    """What is held of one order; in the log, `facts` are only those that a record adds."""

    facts: bytes = b""
    stage: int = Stage.WAITS
    due_us: int = 0
    newest_us: int = 0
    delay_us: int = 0  # how late its newest fact was published: history that arrives late is not stuck meanwhile
    passed_us: int = 0  # 1 µs after the deadline that is known to have passed; 0: none
    alerted: int = 0  # the alerts handed out, a bit each
    requested: bytes = b""  # the compensation requests handed out, 8 bytes each


class KnownOrder(NamedTuple):
    """An order as the stores hold it: its facts with their publish times, its alerts, and its newest version (0: none)."""

    order_id: str
    facts: list[SagaFact]
    published: list[int]
    alerts: frozenset[str]
    version: int


class Changes(NamedTuple):
    """The changes of a call.

    `sagas` have a new row. `alerted` are those with new alerts or requests, and hold only these. `late` counts facts of
    forgotten orders. `log` is added to the log, if it is not empty.
    """

    sagas: list[Saga]
    alerted: list[Saga]
    late: int
    log: bytes


class SagaShard:
    """The sagas of a shard, rebuilt from a log in any order. Timeout and retention in microseconds of event time."""

    def __init__(self, timeout_us: int, retention_us: int, log: Iterable[bytes] = ()) -> None:
        self._timeout_us, self._retention_us = timeout_us, retention_us
        self._grain_us = min(DEADLINE_GRAIN_US, max(1, timeout_us // 6_000) * 1000)  # runners count in milliseconds
        self._end_grain_us = min(RETENTION_GRAIN_US, max(1, retention_us // 24_000) * 1000)
        self._orders: dict[str, Held] = {}
        self._next, self._logged = 0, 0
        for number, records in sorted(map(_decode, log), key=_number):
            self._next, self._logged = number + 1, self._logged + len(records)
            for order_id, held in records.items():
                self._restore(order_id, held)
        self._queue()

    def __len__(self) -> int:
        return len(self._orders)

    def add_facts(self, orders: Iterable[OrderFacts]) -> Changes:
        """Take facts in; those that are known change nothing."""
        changes, log, late = Changes([], [], 0, b""), dict[str, Held](), 0
        for order_id, facts, published in orders:
            held = self._orders.setdefault(order_id, Held())
            if held.stage == Stage.FORGOTTEN:
                late += len(facts)
                continue
            known = len(held.facts)
            held.facts = append_facts(held.facts, facts)
            if len(held.facts) == known:
                continue
            newest, at = max((fact.event_time_us, moment) for fact, moment in zip(facts, published, strict=True))
            if newest >= held.newest_us:
                held.newest_us, held.delay_us = newest, max(0, at - newest)
            self._decide(order_id, held, held.passed_us or None, changes)
            log[order_id] = msgspec.structs.replace(held, facts=held.facts[known:])
        return changes._replace(late=late, log=self._encode(log))

    def restore(self, orders: Iterable[KnownOrder]) -> Changes:
        """Continue with the orders of an earlier run: alerts that it published are not published again.

        A row of version 2n or 2n + 1 says that n unequal facts had been seen. Are these all, then the requests that they make
        were handed out; otherwise a kill took something, and they are handed out again, under their event ids. A saga that
        was stuck stays so; other deadlines are left to the watermark.
        """
        changes = Changes([], [], 0, b"")
        for order in orders:
            facts, distinct = order_facts(order.facts), set(order.facts)
            published: dict[str, int] = {}
            for fact, at in zip(order.facts, order.published, strict=True):
                published[fact.event_id] = min(at, published.get(fact.event_id, at))
            held = self._orders[order.order_id] = Held(encode_facts(facts))
            if len(distinct) > len(facts):  # unequal facts under one event id: the version counts them
                held.facts = append_facts(held.facts, order.facts)
            held.newest_us = facts[-1].event_time_us
            held.delay_us = max(0, published[facts[-1].event_id] - held.newest_us)
            held.alerted = sum(_BITS[AlertName(alert)] for alert in order.alerts)
            if order.version >= 2 * len(distinct):
                before = reduce_saga(order.order_id, facts, now_us=None, timeout_us=self._timeout_us)
                held.requested = b"".join(map(_key, before.requests))
                if order.version % 2 and before.deadline is not None:
                    held.passed_us = before.deadline + 1
            self._decide(order.order_id, held, held.passed_us or None, changes)
            if changes.sagas[-1].version <= order.version:
                changes.sagas.pop()
        return changes

    def advance(self, watermark_us: int) -> Changes:
        """Let event time pass, and with it deadlines, retentions and memories."""
        changes, log = Changes([], [], 0, b""), dict[str, Held]()
        while (due_us := self.next_due()) is not None and due_us <= watermark_us:
            order_id = heapq.heappop(self._due)[1]
            held = self._orders[order_id]
            if held.stage == Stage.WAITS:
                self._decide(order_id, held, END_OF_INPUT_US, changes)
            elif held.stage == Stage.SETTLED:
                held.facts = held.requested = b""
                self._wait(order_id, held, Stage.FORGOTTEN, held.due_us + self._retention_us)
            else:
                held.stage = Stage.GONE
                del self._orders[order_id]
            log[order_id] = msgspec.structs.replace(held, facts=b"")
        return changes._replace(log=self._encode(log))

    def next_due(self) -> int | None:
        """Return when event time makes a difference next; None for an empty shard."""
        while self._due:
            due_us, order_id = self._due[0]
            held = self._orders.get(order_id)
            if held is not None and held.due_us == due_us:
                return due_us
            heapq.heappop(self._due)  # the order has moved on since
        return None

    @property
    def wants_snapshot(self) -> bool:
        """Tell whether the log is much longer than what it describes."""
        return self._logged > _LOG_ORDERS * len(self._orders) + 4096

    def snapshot(self) -> Iterator[bytes]:
        """Yield a new log, which replaces the old one."""
        self._logged = 0
        orders = list(self._orders.items())
        for start in range(0, len(orders), _SNAPSHOT_ORDERS):
            yield self._encode(dict(orders[start : start + _SNAPSHOT_ORDERS]))

    def _decide(self, order_id: str, held: Held, now_us: int | None, changes: Changes) -> None:
        saga = reduce_saga(order_id, decode_facts(held.facts), now_us=now_us, timeout_us=self._timeout_us)
        changes.sagas.append(saga)
        raised = tuple(alert for alert in saga.raised if not held.alerted & _BITS[alert.name])
        requested = [(_key(request), request) for request in saga.requests]
        known = {held.requested[at : at + _REQUEST_BYTES] for at in range(0, len(held.requested), _REQUEST_BYTES)}
        requests = tuple(request for key, request in requested if key not in known)
        if raised or requests:
            changes.alerted.append(saga._replace(raised=raised, requests=requests))
            held.alerted |= sum(_BITS[alert.name] for alert in raised)
            held.requested += b"".join(key for key, _ in requested if key not in known)
        if saga.deadline is not None and not saga.stuck:
            due_us = saga.deadline + 1 + held.delay_us
            self._wait(order_id, held, Stage.WAITS, _round_up(due_us, self._grain_us))
            return
        if saga.deadline is not None:
            held.passed_us = saga.deadline + 1
        end_us = max(saga.updated_time, saga.deadline or 0) + held.delay_us + self._retention_us
        self._wait(order_id, held, Stage.SETTLED, _round_up(end_us, self._end_grain_us))

    def _wait(self, order_id: str, held: Held, stage: Stage, due_us: int) -> None:
        if held.due_us != due_us:
            heapq.heappush(self._due, (due_us, order_id))
        held.stage, held.due_us = stage, due_us
        if len(self._due) > 2 * len(self._orders) + _SNAPSHOT_ORDERS:
            self._queue()

    def _queue(self) -> None:
        """Queue every order once: what orders have moved on from is dropped."""
        self._due = [(held.due_us, order_id) for order_id, held in self._orders.items()]
        heapq.heapify(self._due)

    def _restore(self, order_id: str, record: Held) -> None:
        if record.stage == Stage.GONE:
            self._orders.pop(order_id, None)
            return
        before = self._orders.get(order_id)
        if before is not None and record.stage != Stage.FORGOTTEN:
            record.facts = before.facts + record.facts
        self._orders[order_id] = record

    def _encode(self, records: dict[str, Held]) -> bytes:
        if not records:
            return b""
        number, self._next = self._next, self._next + 1
        self._logged += len(records)
        return add_version(LOG_LAYOUT, msgspec.msgpack.encode((number, records)))


_decoder: Final = msgspec.msgpack.Decoder(tuple[int, dict[str, Held]])


def _decode(chunk: bytes) -> tuple[int, dict[str, Held]]:
    return _decoder.decode(strip_version(LOG_LAYOUT, chunk, LOG_STATE))


def _key(request: CompensationRequest) -> bytes:
    """Return what tells a request from others of its saga: the event that caused it and what it asks for."""
    return blake2b(json.dumps([request.event_id, request.steps]).encode(), digest_size=_REQUEST_BYTES).digest()


def _number(chunk: tuple[int, dict[str, Held]]) -> int:
    return chunk[0]


def _round_up(time_us: int, grain_us: int) -> int:
    return -(-time_us // grain_us) * grain_us
