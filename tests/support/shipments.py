"""An event type that the registry does not have: shipment.sent, for tests of what follows from a model."""

from schemas.models.field_types import Id, ListOf, Money, Number, Payload, PersonalText, Quantity, Text, Time, optional
from schemas.registry import REGISTRY, EventType, Registry


class Parcel(Payload):
    """A part of a shipment."""

    parcelId: Id
    weight: Number


class Shipment(Payload):
    """A shipment left the warehouse."""

    shipmentId: Id
    orderId: Id
    parcels: ListOf[Parcel]
    count: Quantity
    price: Money = optional()
    leftAt: Time = optional()
    recipient: PersonalText = optional()
    remark: Text = optional()


SHIPPED = EventType("shipment.sent", Shipment, "shipping", "orders", "shipmentId", "shipment_events", "price")
WITH_SHIPMENTS = Registry([*REGISTRY, SHIPPED])
