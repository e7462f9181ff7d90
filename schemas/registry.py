"""The registry: what each event type is. A new event type is one model and one line here; all else follows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from pydantic.fields import FieldInfo

from schemas.models.customers import Customer
from schemas.models.field_types import Payload, kinds_of
from schemas.models.inventory import StockMove
from schemas.models.iot import Telemetry
from schemas.models.orders import OrderCompleted, OrderCreated, OrderUpdated
from schemas.models.payments import PaymentFailed, PaymentProcessed


@dataclass(frozen=True)
class EventType:
    """One event type: who may send it on which topic, what its data is, which table holds it.

    `entity` names the data field whose value is the event's entity id; `amount` the money field that the event adds
    to `event_counts.amount`, if it has one.
    """

    name: str
    model: type[Payload]
    source: str
    topic: str
    entity: str
    table: str
    amount: str | None = None

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of the data fields that the contract knows."""
        return frozenset(self.model.model_fields)

    @cached_property
    def nested(self) -> dict[str, type[Payload]]:
        """Data fields that are lists of objects, with the model of those objects."""
        return {
            name: inner for name, field in self.model.model_fields.items() if (inner := nested_model(field)) is not None
        }

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Data fields that hold free text."""
        return tuple(name for name, field in self.model.model_fields.items() if "text" in kinds_of(field))

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Data fields that hold a time."""
        return tuple(name for name, field in self.model.model_fields.items() if "time" in kinds_of(field))


def nested_model(field: FieldInfo) -> type[Payload] | None:
    """Return the model of a field that is a list of objects, else None."""
    inner: tuple[Any, ...] = get_args(field.annotation)
    return inner[0] if inner and isinstance(inner[0], type) and issubclass(inner[0], Payload) else None


class Registry:
    """The event types by name, in the order of the contract."""

    def __init__(self, event_types: Iterable[EventType]) -> None:
        self._by_name = {event_type.name: event_type for event_type in event_types}

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._by_name.values())

    def get(self, name: str) -> EventType | None:
        """Return the event type of exactly this name, or None."""
        return self._by_name.get(name)

    def by_table(self) -> dict[str, list[EventType]]:
        """Return the typed tables, each with the event types whose rows it holds."""
        tables: dict[str, list[EventType]] = {}
        for event_type in self:
            tables.setdefault(event_type.table, []).append(event_type)
        return tables

    def topic_of(self, name: str) -> str | None:
        """Return the topic of an event type, or None."""
        event_type = self.get(name)
        return event_type.topic if event_type else None


# name, model, source, topic, entity id, table, amount
REGISTRY = Registry(
    [
        EventType("order.created", OrderCreated, "order-service", "orders", "orderId", "order_events", "totalAmount"),
        EventType("order.updated", OrderUpdated, "order-service", "orders", "orderId", "order_events"),
        EventType("order.completed", OrderCompleted, "order-service", "orders", "orderId", "order_events"),
        EventType("customer.registered", Customer, "customer-service", "customers", "customerId", "customer_events"),
        EventType("customer.updated", Customer, "customer-service", "customers", "customerId", "customer_events"),
        EventType("inventory.reserved", StockMove, "inventory-service", "inventory", "sku", "inventory_events"),
        EventType("inventory.released", StockMove, "inventory-service", "inventory", "sku", "inventory_events"),
        EventType(
            "payment.processed", PaymentProcessed, "payment-service", "orders", "paymentId", "payment_events", "amount"
        ),
        EventType(
            "payment.failed", PaymentFailed, "payment-service", "orders", "paymentId", "payment_events", "amount"
        ),
        EventType("iot.telemetry", Telemetry, "iot-gateway", "iot-events", "deviceId", "iot_telemetry"),
    ]
)
