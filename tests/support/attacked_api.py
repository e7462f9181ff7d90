"""A read model of two customers for the tests that attack the API."""

from pipelines.read_model.migrate import migrate
from tests.support.deliveries import Delivery, Fact, at
from tests.support.read_models import event_uuid, events_of, sagas_of
from transforms.sinks.read_model.opened import open_store

HMAC = "0123456789abcdef" * 4


NAME = {"customer_id": "c1", "country": "FR", "name_hmac": HMAC}


def fill(address) -> None:
    migrate(address)
    deliveries, sagas = [], []
    for number in (1, 2):
        order = {"order_id": f"order{number}", "customer_id": f"c{number}", "items": [], "status": "NEW"}
        deliveries.append(Delivery(Fact(event_uuid(f"o{number}"), "order.created", at(0), order), "m", at(0)))
        customer = {**NAME, "customer_id": f"c{number}"}
        deliveries.append(Delivery(Fact(event_uuid(f"c{number}"), "customer.registered", at(0), customer), "m", at(0)))
        sagas.append({
            "order_id": f"order{number}", "correlation_id": "flow", "state": "CREATED", "started_time": at(0),
            "updated_time": at(0), "deadline": None, "events": 1, "alerts": [], "version": 1, "run_id": "r",
        })  # fmt: skip
    store = open_store(address)
    store.apply(events_of(deliveries), sagas_of(sagas))
    store.close()
