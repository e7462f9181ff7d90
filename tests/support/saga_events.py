"""Generated orders for the saga tests: their facts, and the same as wide event batches, as the steps get them."""

import json
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.message import Message
from schemas.registry import REGISTRY
from schemas.saga.facts import SagaFact, fact_from
from schemas.saga.reducer import END_OF_INPUT_US, Saga, reduce_saga
from schemas.tables.column import TIMESTAMP
from schemas.tables.definitions import typed_table
from schemas.timestamps import parse_rfc3339, to_rfc3339
from transforms.event_batch import EventBatch, wide_schema

MINUTE_US = 60_000_000
START_US = parse_rfc3339("2026-06-15T00:00:00Z")[0]
_TABLES = {"order": "order_events", "payment": "payment_events", "inventory": "inventory_events"}
_WORDS = (
    *("order.created", "order.updated", "cancelled", "order.completed"),
    *("inventory.reserved", "inventory.reserved", "inventory.released", "payment.processed", "payment.failed"),
)
_GAPS = (0, 0, 1, 1, 2, 5, 29, 30, 31, 45, 100)
COLLECTED: list[tuple[str, Any]] = []
"""The elements that `collect` received: workers of a loopback runner run in this process."""


class Arrival(NamedTuple):
    """A fact on its way: when its message is published, and whose it is."""

    publish_us: int
    order_id: str
    fact: SagaFact


def generated_orders(count: int, seed: int) -> dict[str, list[SagaFact]]:
    """Return facts of orders, by event time: half of them plausible, half anything; gaps around the timeout."""
    rng = Random(seed)
    orders = {}
    for number in range(count):
        order_id = f"ord-{number}"
        words = _plausible(rng) if number % 2 else [rng.choice(_WORDS) for _ in range(rng.randint(1, 8))]
        at, facts = START_US + rng.randrange(600) * MINUTE_US, []
        for word in words:
            facts.append(_fact(order_id, word, at, rng))
            at += rng.choice(_GAPS) * MINUTE_US + rng.randrange(1_000_000)
        orders[order_id] = facts
    return orders


def _plausible(rng: Random) -> list[str]:
    path = ["order.created", "inventory.reserved"]
    if rng.random() < 0.6:
        path += ["payment.processed", "order.completed"]
    else:
        path += ["payment.failed", "inventory.released", "cancelled"]
    return path[: rng.randint(1, len(path))] if rng.random() < 0.3 else path


def _fact(order_id: str, word: str, at: int, rng: Random) -> SagaFact:
    fields: dict[str, Any] = {}
    if word == "cancelled":
        word, fields = "order.updated", {"status": "CANCELLED"}
    elif word == "order.updated":
        fields = {"status": rng.choice([None, "CONFIRMED", "cancelled"])}
    elif word.startswith("payment"):
        fields = {"payment_id": rng.choice(["pay-1", "pay-2"])}
    elif word.startswith("inventory"):
        fields = {
            "sku": rng.choice(["SKU-1", "SKU-1", "SKU-1", "SKU-2"]),
            "quantity": rng.randint(1, 2),
            "reservation_id": rng.choice([None, None, "res-1"]),
        }
    made = fact_from(
        order_id=order_id,
        event_type=word,
        event_id=f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}",
        event_time_us=at,
        correlation_id=f"{rng.getrandbits(32):08x}-1111-4111-8111-{rng.getrandbits(48):012x}",
        **fields,
    )
    assert made is not None
    return made


def arrivals(orders: dict[str, list[SagaFact]], delay_us: int = 0) -> list[Arrival]:
    """Return all facts by publish time, each published `delay_us` after it happened."""
    flat = [
        Arrival(fact.event_time_us + delay_us, order_id, fact) for order_id, facts in orders.items() for fact in facts
    ]
    return sorted(flat, key=lambda arrival: (arrival.publish_us, arrival.fact.event_id))


def event_batches(facts: Iterable[Arrival]) -> Iterator[EventBatch]:
    """Turn facts into wide batches, one a typed table, as Deduplicate hands them out."""
    by_table: dict[str, list[dict[str, Any]]] = {}
    for publish_us, order_id, fact in facts:
        row = {
            "event_id": fact.event_id,
            "event_type": fact.event_type,
            "event_time": fact.event_time_us,
            "publish_time": publish_us,
            "correlation_id": fact.correlation_id,
            "data.order_id": order_id,
            "data.status": fact.status,
            "data.payment_id": fact.payment_id or None,
            "data.reservation_id": fact.reservation_id or None,
            "data.sku": fact.sku or None,
            "data.quantity": fact.quantity or None,
        }
        by_table.setdefault(_TABLES[fact.event_type.partition(".")[0]], []).append(row)
    for table, rows in by_table.items():
        schema = wide_schema(typed_table(table))
        yield EventBatch(
            table,
            pa.RecordBatch.from_arrays(
                [
                    pa.array([row[field.name] for row in rows], TIMESTAMP if field.type == TIMESTAMP else field.type)
                    if field.name in rows[0]
                    else pa.nulls(len(rows), field.type)
                    for field in schema
                ],
                schema=schema,
            ),
        )


def reduced(orders: dict[str, list[SagaFact]]) -> dict[str, Saga]:
    """Return the reducer's result for the orders at the maximum time."""
    return {order_id: reduce_saga(order_id, facts, now_us=END_OF_INPUT_US) for order_id, facts in orders.items()}


def as_row(saga: Saga, run_id: str) -> dict[str, Any]:
    """Return a saga as its row of order_sagas reads in Python, times in microseconds."""
    return {
        "order_id": saga.order_id,
        "correlation_id": saga.correlation_id,
        "state": saga.state.value,
        "started_time": saga.started_time,
        "updated_time": saga.updated_time,
        "deadline": saga.deadline,
        "events": saga.events,
        "alerts": list(saga.alerts),
        "version": saga.version,
        "run_id": run_id,
    }


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows with times in microseconds."""
    columns = [column.cast(pa.int64()) if column.type == TIMESTAMP else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()


def alerts_of(sagas: Iterable[Saga]) -> list[tuple[str, str, int]]:
    """Return (order, alert, time) of all that the sagas raised, sorted."""
    return sorted((saga.order_id, alert.name.value, alert.time_us) for saga in sagas for alert in saga.raised)


def collect(label: str, value: Any) -> None:
    """Keep what a pipeline put out, for the test to read."""
    COLLECTED.append((label, value))


def messages_of(facts: Iterable[Arrival]) -> list[Message]:
    """Return the messages that bring the facts, as the bus delivers them."""
    return [_message(number, *arrival) for number, arrival in enumerate(facts)]


def _message(number: int, publish_us: int, order_id: str, fact: SagaFact) -> Message:
    data: dict[str, Any] = {"orderId": order_id}
    if fact.event_type == "order.created":
        data |= {"customerId": "c-1", "items": []}
    elif fact.status:
        data |= {"status": fact.status}
    elif fact.payment_id:
        data |= {"paymentId": fact.payment_id, "amount": "1.50", "currency": "EUR"}
    elif fact.sku:
        data |= {"sku": fact.sku, "quantity": fact.quantity}
        if fact.reservation_id:
            data |= {"reservationId": fact.reservation_id}
    event_type = REGISTRY.get(fact.event_type)
    assert event_type is not None
    envelope = {
        "eventId": fact.event_id,
        "eventType": fact.event_type,
        "eventTime": to_rfc3339(fact.event_time_us),
        "source": event_type.source,
        "data": data,
        "metadata": {"correlationId": fact.correlation_id},
    }
    return Message(event_type.topic, f"m{number:06d}", publish_us, {}, json.dumps(envelope).encode())
