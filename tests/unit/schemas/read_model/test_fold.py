"""A fold keeps, per key and column, the newest value that is not null, whatever the order of the events."""

from itertools import permutations

import pytest

from schemas.read_model.events import NUL_REASON, ModelEvent, unstorable
from schemas.read_model.fold import fold
from schemas.read_model.tables import CUSTOMERS, ORDERS, STOCK
from schemas.read_model.versions import NONE, version_of

ID = "00000000-0000-4000-8000-00000000000{}"


def order(number: int, event_type: str, time: int, **cells) -> ModelEvent:
    names = ("customer_id", "items", "currency", "total_amount", "status", "completed_at")
    given = {**dict.fromkeys(names), "items": [], "has_items": "items" in cells, "order_id": "o", **cells}
    return ModelEvent(
        "order_events", {"event_id": ID.format(number), "event_type": event_type, "event_time": time, **given}
    )


def test_each_column_keeps_its_newest_value_in_any_order():
    events = [
        order(1, "order.created", 10, customer_id="c", status="NEW", items=[{"sku": "a"}]),
        order(2, "order.updated", 30, status="PAID"),
        order(3, "order.updated", 20, status="OLD", items=[]),
        order(4, "order.completed", 40, completed_at=35),
    ]
    for arrival in permutations(events):
        [change] = fold(ORDERS, arrival)
        assert change.key == ("o",)
        assert change.values == {
            "customer_id": "c", "status": "PAID", "items": [], "created_time": 10, "updated_time": 40, "completed_time": 35,
            "events": 4,
        }  # fmt: skip
        assert change.versions["status"] == version_of(30, ID.format(2))
        assert change.versions["items"] == version_of(20, ID.format(3))


def test_at_one_instant_the_greater_event_id_is_the_newer():
    events = [order(1, "order.updated", 5, status="A"), order(2, "order.updated", 5, status="B")]
    assert [fold(ORDERS, arrival)[0].values["status"] for arrival in permutations(events)] == ["B", "B"]


def test_completed_time_falls_back_to_the_event_time():
    [change] = fold(ORDERS, [order(1, "order.completed", 7)])
    assert change.values["completed_time"] == 7
    assert "created_time" not in change.values


def test_stock_is_a_sum_per_article_and_warehouse_and_keys_are_in_order():
    def move(number, event_type, quantity, warehouse):
        cells = {"event_id": ID.format(number), "event_type": event_type, "event_time": number, "sku": "a"}
        return ModelEvent("inventory_events", {**cells, "quantity": quantity, "warehouse_id": warehouse})

    changes = fold(STOCK, [
        move(1, "inventory.reserved", 2**63 - 1, "w"), move(2, "inventory.reserved", 2**63 - 1, "w"),
        move(3, "inventory.released", 5, None),
    ])  # fmt: skip
    assert [(one.key, one.values["reserved"]) for one in changes] == [(("a", ""), -5), (("a", "w"), 2**64 - 2)]


def test_versions_order_by_time_then_id():
    times = [0, 1, 255, 256, 946_684_800_000_000, 253_402_300_799_999_999]
    made = [version_of(time, ID.format(number)) for time in times for number in (1, 9)]
    assert made == sorted(made)
    assert all(len(version) == 24 and version > NONE for version in made)


def test_every_field_of_a_customer_becomes_a_column():
    names = {column.name for column in CUSTOMERS.columns}
    assert {"name_hmac", "email_hmac", "phone_hmac", "country", "type", "status"} <= names


@pytest.mark.parametrize("value", ["\x00", "a\x00b"])
def test_a_text_with_nul_is_named_with_its_column(value):
    [fault] = unstorable([{"order_id": "o", "status": "fine"}, {"order_id": "o", "status": value}])
    assert (fault.position, fault.column, fault.reason) == (1, "status", NUL_REASON)
