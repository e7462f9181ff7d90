"""The contract's event types as msgspec structs, for the loop written for speed.

Each type has a function that returns of its data: how many keys it has, the entity id, the amount, and the cells of
its typed table in the order of the columns. Money as a JSON number, and all that is unknown, goes the slow way.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from schemas.models.field_types import INT64_MAX
from schemas.timestamps import EARLIEST_EVENT_US, MAX_AHEAD_US, parse_rfc3339

Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")]
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}\Z")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,29}(\.[0-9]{1,9})?\Z")]
Quantity = Annotated[int, Meta(ge=1, le=INT64_MAX)]
Number = Annotated[float, Meta(ge=-(2.0**62), le=2.0**62)]


class Slow(Exception):
    """The message needs the full decoder."""


class Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A struct that accepts no unknown field."""


class Metadata(Strict):
    correlationId: Uuid
    causationId: Uuid | UnsetType | None = UNSET


class Envelope(Strict):
    eventId: Uuid
    eventType: str
    eventTime: str
    source: str
    data: Raw
    metadata: Metadata
    dataContentType: Literal["application/json"] | UnsetType = UNSET


class Item(Strict):
    sku: Id
    quantity: Quantity
    unitPrice: Money | UnsetType = UNSET


class OrderCreated(Strict):
    orderId: Id
    customerId: Id
    items: list[Item]
    currency: Currency | UnsetType = UNSET
    totalAmount: Money | UnsetType = UNSET
    status: str | UnsetType = UNSET


class OrderUpdated(Strict):
    orderId: Id
    status: str | UnsetType = UNSET
    items: list[Item] | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    totalAmount: Money | UnsetType = UNSET


class OrderCompleted(Strict):
    orderId: Id
    completedAt: str | UnsetType = UNSET


class Customer(Strict):
    customerId: Id
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class StockMove(Strict):
    sku: Id
    quantity: Quantity
    orderId: Id | UnsetType = UNSET
    reservationId: Id | UnsetType = UNSET
    warehouseId: Id | UnsetType = UNSET


class Payment(Strict):
    paymentId: Id
    orderId: Id
    amount: Money
    currency: Currency
    reason: str | UnsetType = UNSET


class Telemetry(Strict):
    deviceId: Id
    metric: Id
    value: Number
    unit: str | UnsetType = UNSET


Fields = tuple[int, str, Decimal | None, tuple[Any, ...]]


def _items(items: list[Item] | UnsetType) -> tuple[int, list[tuple[Any, ...]]]:
    if items is UNSET:
        return 0, []
    rows = [(i.sku, i.quantity, None if i.unitPrice is UNSET else Decimal(i.unitPrice)) for i in items]
    return 1 + sum(2 if row[2] is None else 3 for row in rows), rows


def _some(*values: Any) -> tuple[int, list[Any]]:
    return sum(value is not UNSET for value in values), [None if value is UNSET else value for value in values]


def _created(d: OrderCreated, _publish: int) -> Fields:
    keys, items = _items(d.items)
    more, (currency, total, status) = _some(d.currency, d.totalAmount, d.status)
    amount = None if total is None else Decimal(total)
    return 2 + keys + more, d.orderId, amount, (d.orderId, d.customerId, items, True, currency, amount, status, None)


def _updated(d: OrderUpdated, _publish: int) -> Fields:
    keys, items = _items(d.items)
    more, (currency, total, status) = _some(d.currency, d.totalAmount, d.status)
    amount = None if total is None else Decimal(total)
    cells = (d.orderId, None, items, d.items is not UNSET, currency, amount, status, None)
    return 1 + keys + more, d.orderId, None, cells


def _completed(d: OrderCompleted, publish: int) -> Fields:
    if d.completedAt is UNSET:
        return 1, d.orderId, None, (d.orderId, None, [], None, None, None, None, None)
    at, cut = parse_rfc3339(d.completedAt)
    if cut or not EARLIEST_EVENT_US <= at <= publish + MAX_AHEAD_US:
        raise Slow
    return 2, d.orderId, None, (d.orderId, None, [], None, None, None, None, at)


def _customer(d: Customer, _publish: int) -> Fields:
    more, values = _some(d.name, d.email, d.phone, d.country, d.type, d.status)
    return 1 + more, d.customerId, None, (d.customerId, None, None, None, *values[3:])


def _stock(d: StockMove, _publish: int) -> Fields:
    more, values = _some(d.orderId, d.reservationId, d.warehouseId)
    return 2 + more, d.sku, None, (d.sku, d.quantity, *values)


def _payment(d: Payment, _publish: int) -> Fields:
    more, (reason,) = _some(d.reason)
    amount = Decimal(d.amount)
    return 4 + more, d.paymentId, amount, (d.paymentId, d.orderId, amount, d.currency, reason)


def _telemetry(d: Telemetry, _publish: int) -> Fields:
    more, (unit,) = _some(d.unit)
    return 3 + more, d.deviceId, None, (d.deviceId, d.metric, d.value, unit)


ENVELOPE = msgspec.json.Decoder(Envelope).decode
DATA: dict[str, tuple[Callable[[Any], Any], Callable[[Any, int], Fields]]] = {
    name: (msgspec.json.Decoder(model).decode, cells)
    for name, model, cells in (
        ("order.created", OrderCreated, _created),
        ("order.updated", OrderUpdated, _updated),
        ("order.completed", OrderCompleted, _completed),
        ("customer.registered", Customer, _customer),
        ("customer.updated", Customer, _customer),
        ("inventory.reserved", StockMove, _stock),
        ("inventory.released", StockMove, _stock),
        ("payment.processed", Payment, _payment),
        ("payment.failed", Payment, _payment),
        ("iot.telemetry", Telemetry, _telemetry),
    )
}
