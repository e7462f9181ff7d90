"""The inventory domain: inventory.reserved and inventory.released."""

from schemas.models.field_types import Id, Payload, Quantity, optional


class StockMove(Payload):
    """A quantity of one article was set aside for an order, or given back."""

    sku: Id
    quantity: Quantity
    orderId: Id = optional()
    reservationId: Id = optional()
    warehouseId: Id = optional()
