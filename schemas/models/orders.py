"""The orders domain: order.created, order.updated, order.completed (docs/data-contract.md#event-types)."""

from schemas.models.field_types import Currency, Id, ListOf, Money, Payload, Quantity, Text, Time, optional


class Item(Payload):
    """One line of an order."""

    sku: Id
    quantity: Quantity
    unitPrice: Money = optional()


class OrderCreated(Payload):
    """An order was placed; `items` may be empty."""

    orderId: Id
    customerId: Id
    items: ListOf[Item]
    currency: Currency = optional()
    totalAmount: Money = optional()
    status: Text = optional()


class OrderUpdated(Payload):
    """An order changed; status CANCELLED is the cancellation of its saga."""

    orderId: Id
    status: Text = optional()
    items: ListOf[Item] = optional()
    currency: Currency = optional()
    totalAmount: Money = optional()


class OrderCompleted(Payload):
    """An order was fulfilled."""

    orderId: Id
    completedAt: Time = optional()
