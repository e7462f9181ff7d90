"""Facts of sagas for the saga tests, spelled shortly: times of one day, numbers for ids."""

from collections.abc import Mapping
from typing import Any

from schemas.saga.facts import SagaFact, fact_from
from schemas.saga.open_items import Compensation
from schemas.saga.reducer import Saga
from schemas.timestamps import parse_rfc3339

MINUTE_US = 60 * 1_000_000


def at(clock: str) -> int:
    """Return the microseconds of a time of day on the examples' day."""
    return parse_rfc3339(f"2026-06-15T{clock}Z")[0]


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def correlation_id(number: int) -> str:
    return f"11111111-1111-4111-8111-{number:012d}"


def fact(time_us: int, number: int, event_type: str, corr: int = 1, **fields: Any) -> SagaFact:
    made = fact_from(
        order_id="ord-1",
        event_type=event_type,
        event_id=event_id(number),
        event_time_us=time_us,
        correlation_id=correlation_id(corr),
        **fields,
    )
    assert made is not None
    return made


def golden_fact(spec: Mapping[str, Any], position: int) -> SagaFact:
    """Return the fact of one line of a golden file; its id is its position unless the line has one."""
    rest = {name: value for name, value in spec.items() if name not in ("at", "type", "id")}
    return fact(at(spec["at"]), spec.get("id", position), spec["type"], **rest)


def spell(step: Compensation) -> str:
    """Return a compensation as the golden files spell it: `refund pay-1`, `release SKU-1 x3 res-1`, `cancel`."""
    quantity = f"x{step.quantity}" if step.quantity else ""
    return " ".join(filter(None, [step.step, step.payment_id, step.sku, quantity, step.reservation_id]))


def seen(saga: Saga) -> dict[str, Any]:
    """Return a saga as the golden files spell it."""
    return {
        "state": saga.state.value,
        "alerts": list(saga.alerts),
        "deadline": saga.deadline,
        "events": saga.events,
        "version": saga.version,
        "stuck": saga.stuck,
        "started": saga.started_time,
        "updated": saga.updated_time,
        "corr": saga.correlation_id,
        "compensations": [spell(step) for step in saga.compensations],
        "requests": [[r.time_us, r.event_id, [spell(step) for step in r.steps]] for r in saga.requests],
        "raised": [[a.name.value, a.time_us, a.event_id, a.state.value] for a in saga.raised],
    }


def expected(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a golden file's expectation with its times and ids read."""
    read = dict(spec)
    for name in ("deadline", "started", "updated"):
        if read.get(name) is not None:
            read[name] = at(read[name])
    if "corr" in read:
        read["corr"] = correlation_id(read["corr"])
    if "requests" in read:
        read["requests"] = [[at(when), event_id(cause), steps] for when, cause, steps in read["requests"]]
    if "raised" in read:
        read["raised"] = [[name, at(when), event_id(cause), state] for name, when, cause, state in read["raised"]]
    return read
