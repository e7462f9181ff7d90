"""Events of a few orders, and writers of them into a read model."""

import random
import threading

from tests.support.deliveries import Delivery, Fact, at
from tests.support.read_models import event_uuid, events_of
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.read_model.deliver import deliver
from transforms.sinks.read_model.opened import open_store

ORDERS = [f"o{number}" for number in range(12)]


def history(count: int, seed: int) -> list[Delivery]:
    """Return events of few orders, customers and articles, in random order."""
    draw, made = random.Random(seed), []
    for number in range(count):
        kind = draw.choice(
            ["order.created", "order.updated", "customer.updated", "inventory.reserved", "payment.processed"]
        )
        order, moment = draw.choice(ORDERS), at(draw.randrange(1000))
        data = {
            "order.created": {"order_id": order, "customer_id": "c1", "items": [_line(draw)], "status": f"s{number}"},
            "order.updated": {"order_id": order, "status": f"s{number}", "items": [_line(draw) for _ in range(draw.randrange(3))]},
            "customer.updated": {"customer_id": draw.choice("ab"), "country": f"x{number}"},
            "inventory.reserved": {"sku": draw.choice("pq"), "quantity": 1, "warehouse_id": draw.choice("vw")},
            "payment.processed": {"payment_id": f"p{number}", "order_id": order, "amount": 1, "currency": "EUR"},
        }[kind]  # fmt: skip
        made.append(Delivery(Fact(event_uuid(f"{number:06}"), kind, moment, data), f"m{number}", moment))
    return made


def _line(draw: random.Random) -> dict:
    return {"sku": draw.choice("abc"), "quantity": draw.randrange(1, 9), "unit_price": None}


def write(address, deliveries, failures) -> None:
    store = open_store(address)
    try:
        for start in range(0, len(deliveries), 20):
            lost = deliver(store, events_of(deliveries[start : start + 20]), [], RetryBudget(30))
            failures += [part.reason for part in lost]
    finally:
        store.close()


def in_threads(*jobs) -> None:
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
