"""Faults of an event's data: a valid envelope around one invalid field (docs/data-contract.md)."""

from typing import Final

from pipelines.simulator.message_mutation import Draft, Fault

_REQUIRED: Final = {
    "order.created": ("orderId", "customerId", "items", "items.0.sku", "items.0.quantity"),
    "order.updated": ("orderId",),
    "order.completed": ("orderId",),
    "customer.registered": ("customerId",),
    "customer.updated": ("customerId",),
    "inventory.reserved": ("sku", "quantity"),
    "inventory.released": ("sku", "quantity"),
    "payment.processed": ("paymentId", "orderId", "amount", "currency"),
    "payment.failed": ("paymentId", "orderId", "amount", "currency"),
    "iot.telemetry": ("deviceId", "metric", "value"),
}
_IDS: Final = frozenset(
    ("orderId", "customerId", "paymentId", "reservationId", "warehouseId", "sku", "deviceId", "metric")
)
_MONEY: Final = frozenset(("totalAmount", "amount", "unitPrice"))
_RANGED: Final = frozenset(
    ("order.created", "inventory.reserved", "inventory.released", "payment.processed", "payment.failed")
)


def _fields(draft: Draft) -> list[str]:
    """Return the paths of the event's fields; of an order's items those of the first."""
    data = draft.tree["data"]
    items = data.get("items") or [{}]
    return [*data, *(f"items.0.{name}" for name in items[0])]


def _pick(draft: Draft, names: frozenset[str]) -> str:
    """Return one of the event's paths that end in one of the names."""
    paths: list[str] = [path for path in _fields(draft) if path.rpartition(".")[2] in names]
    path: str = draft.one_of(*paths)
    return path


def _missing(draft: Draft) -> bytes:
    return draft.drop(f"data.{draft.one_of(*_REQUIRED[draft.event.event_type])}")


def _wrong_type(draft: Draft) -> bytes:
    """Give a field a value of another JSON type; never null, which could also be a missing field."""
    path = draft.one_of(*_fields(draft))
    name = path.rpartition(".")[2]
    if name in _MONEY:
        wrong = draft.one_of(True, ["9.99"], {"units": 9})
    elif name == "quantity":
        wrong = draft.one_of("3", 1.5, True, [3])
    elif name == "value":
        wrong = draft.one_of("21.5", "NaN", False, [21.5])
    elif name == "items":
        wrong = draft.one_of({}, "none", [7])
    else:
        wrong = draft.one_of(12345, {"id": "x"}, ["x"], True)
    return draft.put(f"data.{path}", wrong)


def _bad_id(draft: Draft) -> bytes:
    path = _pick(draft, _IDS)
    return draft.put(
        f"data.{path}", draft.one_of("", " x", "a b", "../../x", "_x", "é", "{0.__class__}", "x\n", "a" * 129)
    )


def _bad_money(draft: Draft) -> bytes:
    return draft.put(
        f"data.{_pick(draft, _MONEY)}",
        draft.one_of("", "1_000", "12,50", "1e3", "+5.00", " 5.00", "€5", ".50", "5.", "NaN", "4111111111111111x"),
    )


def _bad_currency(draft: Draft) -> bytes:
    return draft.put("data.currency", draft.one_of("eur", "EURO", "€", "EU", "E R"))


def _too_small(draft: Draft) -> bytes:
    path = _pick(draft, _MONEY | {"quantity"})
    if path.endswith("quantity"):
        return draft.put(f"data.{path}", draft.one_of(0, -1, -24))
    return draft.put(f"data.{path}", draft.one_of("-0.01", "-59.97", "-1000000"))


def _too_many_digits(draft: Draft) -> bytes:
    path = _pick(draft, _MONEY | {"quantity"})
    if path.endswith("quantity"):
        return draft.put(f"data.{path}", -(2**62))
    return draft.put(f"data.{path}", "1" + "0" * 29)


_PAID: Final = frozenset(("payment.processed", "payment.failed", "order.created"))

FAULTS: Final = (
    Fault("data", "MISSING_FIELD", (_missing,)),
    Fault("data", "FIELD_TYPE", (_wrong_type,)),
    Fault("data", "FIELD_FORMAT", (_bad_id,)),
    Fault("data", "FIELD_FORMAT", (_bad_money, _bad_currency), types=_PAID),
    Fault("data", "FIELD_RANGE", (_too_small, _too_many_digits), types=_RANGED),
)
