"""The order saga: compute state and alerts of one order from all its facts. Pure; no Beam.

Facts are taken in the order of (event time, event id) and each event id once, so the arrival order, redeliveries
and the way a stream is cut into pieces make no difference, and a late fact simply gives a new row with a higher
version. `schemas.saga.transitions` has the effect of each fact; docs/decisions/0006-order-saga.md has the decisions
that the contract leaves open, each with a golden example in tests/data/sagas.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final, NamedTuple

from schemas.saga.facts import SagaFact
from schemas.saga.open_items import Compensation, OpenItems
from schemas.saga.transitions import CLOSED, MOVES, PUBLIC_STATE, AlertName, State
from schemas.timestamps import saturate

DEFAULT_TIMEOUT_US: Final = 30 * 60 * 1_000_000
# A batch input ends with Beam's watermark at infinity, so at its end every deadline has passed.
END_OF_INPUT_US: Final = 2**63 - 1


class Alert(NamedTuple):
    """One alert of a saga: when in event time, the event that caused it, and the state it left the saga in.

    Of SAGA_STUCK the time is the deadline, and the event is the step that nothing followed.
    """

    name: AlertName
    time_us: int
    event_id: str
    state: State


class CompensationRequest(NamedTuple):
    """What must be undone from this event on, in this order; raised when something new becomes owed."""

    time_us: int
    event_id: str
    state: State
    steps: tuple[Compensation, ...]


class Saga(NamedTuple):
    """The saga of one order, from the facts seen so far. Times are microseconds since 1970, UTC."""

    order_id: str
    correlation_id: str
    state: State
    started_time: int
    updated_time: int
    deadline: int | None
    events: int
    alerts: tuple[str, ...]
    version: int
    stuck: bool
    compensations: tuple[Compensation, ...]
    raised: tuple[Alert, ...]
    requests: tuple[CompensationRequest, ...]


def reduce_saga(
    order_id: str, facts: Iterable[SagaFact], *, now_us: int | None, timeout_us: int = DEFAULT_TIMEOUT_US
) -> Saga:
    """Return the saga of one order from all its facts, in any order, duplicates included.

    `now_us` is the event-time watermark: a saga still open is stuck once it is past the deadline. None leaves
    the open end undecided; a batch run passes END_OF_INPUT_US. A step exactly at the deadline is in time.
    The version grows with every fact, also with an unequal one under a known event id, which `events` does not count.
    Raises ValueError without facts, or for a timeout that is not positive.
    """
    if timeout_us <= 0:
        raise ValueError(f"timeout_us {timeout_us} is not positive")
    found = tuple(facts)
    ordered = order_facts(found)
    if not ordered:
        raise ValueError("a saga has at least one fact")
    items = OpenItems()
    state = State.START
    deadline: int | None = None
    overdue = False
    step_id = ""
    owed: tuple[Compensation, ...] = ()
    raised: dict[AlertName, Alert] = {}
    requests: list[CompensationRequest] = []

    for fact in ordered:
        time_us, event_id = fact.event_time_us, fact.event_id
        if deadline is not None and time_us > deadline and not overdue:
            overdue = True
            _raise(raised, AlertName.SAGA_STUCK, deadline, step_id, state)
        for symbol in items.read(fact):
            target, step, alert = MOVES[state][symbol]
            if step:
                if overdue:
                    overdue = False
                    _raise(raised, AlertName.SAGA_RECOVERED, time_us, event_id, target)
                deadline, step_id = saturate(time_us + timeout_us), event_id
            state = target
            if alert is not None:
                _raise(raised, alert, time_us, event_id, state)
        if state in CLOSED:
            deadline = None
        if items.failing or state is State.CANCELLED:
            before, owed = owed, items.owed(state)
            if _grew(before, owed):
                requests.append(CompensationRequest(time_us, event_id, PUBLIC_STATE[state], owed))
        else:
            owed = ()

    if deadline is not None and now_us is not None and now_us > deadline and not overdue:
        overdue = True
        _raise(raised, AlertName.SAGA_STUCK, deadline, step_id, state)
    return Saga(
        order_id,
        _correlation_id(ordered),
        PUBLIC_STATE[state],
        ordered[0].event_time_us,
        ordered[-1].event_time_us,
        deadline,
        len(ordered),
        tuple(raised) if raised else (),
        2 * (len(ordered) if len(ordered) == len(found) else len(set(found))) + overdue,
        overdue,
        owed,
        tuple(raised.values()) if raised else (),
        tuple(requests),
    )


def order_facts(facts: Iterable[SagaFact]) -> list[SagaFact]:
    """Return each event id once, by (event time, event id); of unequal facts under one id the smallest counts."""
    unique: dict[str, SagaFact] = {}
    for fact in facts:
        known = unique.setdefault(fact.event_id, fact)
        if known is not fact and known != fact:
            unique[fact.event_id] = min(known, fact, key=_total_order)
    return sorted(unique.values(), key=_by_time_and_id)


_by_time_and_id: Final = itemgetter(0, 1)


def _total_order(fact: SagaFact) -> tuple[object, ...]:
    return tuple("" if value is None else value for value in fact)


def _raise(raised: dict[AlertName, Alert], name: AlertName, time_us: int, event_id: str, state: State) -> None:
    """Record the alert, unless the saga has it already: each at most once."""
    if name not in raised:
        raised[name] = Alert(name, time_us, event_id, PUBLIC_STATE[state])


def _grew(before: tuple[Compensation, ...], owed: tuple[Compensation, ...]) -> bool:
    """Return whether something is owed that was not owed before, or more of it."""
    if owed == before:
        return False
    known = {step[:4]: step.quantity for step in before}
    return any(step.quantity > known.get(step[:4], -1) for step in owed)


def _correlation_id(ordered: list[SagaFact]) -> str:
    """Return that of the first order.created, which opened the saga, or else of the first fact."""
    for fact in ordered:
        if fact.event_type == "order.created":
            return fact.correlation_id
    return ordered[0].correlation_id
