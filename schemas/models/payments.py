"""The payments domain: payment.processed and payment.failed; they come on the orders topic."""

from schemas.models.field_types import Currency, Id, Money, Payload, Text, optional


class PaymentProcessed(Payload):
    """A payment went through."""

    paymentId: Id
    orderId: Id
    amount: Money
    currency: Currency


class PaymentFailed(PaymentProcessed):
    """A payment failed; `reason` is the payment service's text."""

    reason: Text = optional(example="CARD_DECLINED")
