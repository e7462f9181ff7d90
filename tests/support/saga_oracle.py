"""A second implementation of the saga rules, without a table: each answer is computed from the whole ordered history.

Slow and plain on purpose; it shares no code with the reducer but the fact itself.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from schemas.saga.facts import SagaFact


class Told(NamedTuple):
    """The result of the oracle for a saga."""

    state: str
    alerts: frozenset[str]
    deadline: int | None


class _Read(NamedTuple):
    fact: SagaFact
    word: str  # the event type, or "cancelled"
    holds: int  # units of stock held after the fact
    held_before: int
    matched: int  # units that a release gave back
    unmatched: int  # released units that were not reserved


def tell(facts: Sequence[SagaFact], now_us: int | None, timeout_us: int) -> Told:
    """Return state, alerts and deadline of the saga of these facts."""
    history = _read(sorted({fact.event_id: fact for fact in facts}.values()))
    words = [read.word for read in history]
    closed_at = next((i for i, word in enumerate(words) if word in ("order.completed", "cancelled")), None)
    alerts = set()

    if any(read.unmatched for read in history):
        alerts.add("ILLEGAL_TRANSITION")
    for i, word in enumerate(words):
        if word == "order.completed" and ("cancelled" in words[:i] or _failing(words[:i])):
            alerts.add("ILLEGAL_TRANSITION")
        if word == "cancelled" and history[i].held_before:
            alerts.add("COMPENSATION_ORDER")

    steps = _step_times(history[: None if closed_at is None else closed_at + 1])
    if any(later - earlier > timeout_us for earlier, later in pairwise(steps)):
        alerts |= {"SAGA_STUCK", "SAGA_RECOVERED"}
    deadline = steps[-1] + timeout_us if steps and closed_at is None else None
    seen_until = max(history[-1].fact.event_time_us, history[-1].fact.event_time_us if now_us is None else now_us)
    if deadline is not None and seen_until > deadline:
        alerts.add("SAGA_STUCK")
    return Told(_state(history, words), frozenset(alerts), deadline)


def _read(ordered: Sequence[SagaFact]) -> list[_Read]:
    units: list[tuple[str, str]] = []  # every single unit held: (sku, reservation id)
    history = []
    for fact in ordered:
        before, matched, unmatched = len(units), 0, 0
        if fact.event_type == "inventory.reserved":
            units += [(fact.sku, fact.reservation_id)] * fact.quantity
        elif fact.event_type == "inventory.released":
            for _ in range(fact.quantity):
                unit = _unit_for(units, fact)
                if unit is None:
                    unmatched += 1
                else:
                    units.remove(unit)
                    matched += 1
        word = "cancelled" if fact.status == "CANCELLED" else fact.event_type
        history.append(_Read(fact, word, len(units), before, matched, unmatched))
    return history


def _unit_for(units: list[tuple[str, str]], fact: SagaFact) -> tuple[str, str] | None:
    of_sku = [unit for unit in units if unit[0] == fact.sku]
    if fact.reservation_id:
        of_sku = sorted(
            (unit for unit in of_sku if unit[1] in (fact.reservation_id, "")), key=lambda unit: unit[1], reverse=True
        )
    return next(iter(of_sku), None)


def _failing(words: list[str]) -> bool:
    payments = [word for word in words if word.startswith("payment.")]
    return bool(payments) and payments[-1] == "payment.failed"


def _step_times(history: list[_Read]) -> list[int]:
    real = [read for read in history if read.word != "inventory.released" or read.matched]
    passive = ("order.created", "order.updated")
    return [read.fact.event_time_us for i, read in enumerate(real) if i == 0 or read.word not in passive]


def _state(history: list[_Read], words: list[str]) -> str:
    if "cancelled" in words:
        return "CANCELLED"
    if "order.completed" in words:
        return "COMPLETED"
    real = [read for read in history if read.word != "inventory.released" or read.matched]
    if not real:
        return "RELEASED"
    for read in reversed(real):
        if read.word in ("inventory.reserved", "payment.processed"):
            break
        if read.matched and not read.holds:
            return "RELEASED"
    if _failing(words):
        return "PAYMENT_FAILED"
    if "payment.processed" in words:
        return "PAID"
    return "RESERVED" if "inventory.reserved" in words else "CREATED"
