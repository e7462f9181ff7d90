"""What an order holds while its saga is read: reserved stock, payments made, and how the last payment ended.

The items turns a fact into the inputs of the transition table: whether a release leaves something held, whether
a cancellation comes while stock is held, whether a completion follows a failed payment. Stock is counted as the
contract's `stock_level` counts it, reserved minus released: an order's completion does not give stock back.
"""

from typing import Final, NamedTuple

from schemas.saga.facts import CANCELLED_STATUS, SagaFact
from schemas.saga.transitions import Input, State

REFUND: Final = "refund"
RELEASE: Final = "release"
CANCEL: Final = "cancel"


class Compensation(NamedTuple):
    """One step of undoing an order: a payment to refund, stock to release, or the order to cancel. "" is absent."""

    step: str
    payment_id: str = ""
    reservation_id: str = ""
    sku: str = ""
    quantity: int = 0


class OpenItems:
    """Stock and money of one order, fact by fact in the order of (event time, event id)."""

    __slots__ = ("failing", "held", "payments")

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], int] = {}  # (sku, reservation id or "") -> quantity, oldest first
        self.payments: dict[str, None] = {}  # processed payment ids, oldest first
        self.failing = False  # the last payment fact is payment.failed

    def read(self, fact: SagaFact) -> tuple[Input, ...]:
        """Book the fact and return the table's inputs for it; two if a release exceeds the stock that is held."""
        event_type = fact.event_type
        if event_type == "inventory.reserved":
            return self._reserve(fact)
        if event_type == "payment.processed":
            self.payments[fact.payment_id] = None
            self.failing = False
            return _PAID
        if event_type == "order.created":
            return _CREATED
        if event_type == "order.completed":
            return _COMPLETED_FAILED if self.failing else _COMPLETED
        if event_type == "order.updated":
            if fact.status != CANCELLED_STATUS:
                return _UPDATED
            return _CANCELLED_HOLDING if self.held else _CANCELLED
        if event_type == "payment.failed":
            self.failing = True
            return _FAILED
        if event_type == "inventory.released":
            return self._release(fact)
        raise ValueError(f"event_type {event_type!r} is of no saga")

    def _reserve(self, fact: SagaFact) -> tuple[Input, ...]:
        name = (fact.sku, fact.reservation_id)
        self.held[name] = self.held.get(name, 0) + fact.quantity
        if self.failing:
            return _RESERVED_FAILED
        return _RESERVED_PAID if self.payments else _RESERVED

    def _release(self, fact: SagaFact) -> tuple[Input, ...]:
        left = fact.quantity
        for name in self._released_names(fact.sku, fact.reservation_id):
            taken = min(left, self.held[name])
            left -= taken
            self.held[name] -= taken
            if not self.held[name]:
                del self.held[name]
            if not left:
                return _RELEASED_PART if self.held else _RELEASED_ALL
        if left == fact.quantity:
            return _UNRESERVED
        return _EXCESS_PART if self.held else _EXCESS_ALL

    def _released_names(self, sku: str, reservation_id: str) -> list[tuple[str, str]]:
        """Return which holdings a release draws on: those of its name, then unnamed ones; without a name, any."""
        if reservation_id:
            return [name for name in ((sku, reservation_id), (sku, "")) if name in self.held]
        return [name for name in self.held if name[0] == sku]

    def owed(self, state: State) -> tuple[Compensation, ...]:
        """Return what undoing the order still takes, in the order it must happen: refund, release, cancel.

        Owed from a failed payment or a cancellation on, until a later payment succeeds or the order completes.
        The contract has no event that tells of a refund, so one that is owed stays owed.
        """
        cancelled = state is State.CANCELLED
        if not cancelled and (not self.failing or state is State.COMPLETED):
            return ()
        return (
            *(Compensation(REFUND, payment_id=payment_id) for payment_id in self.payments),
            *(Compensation(RELEASE, "", name[1], name[0], quantity) for name, quantity in self.held.items()),
            *(() if cancelled else (Compensation(CANCEL),)),
        )


_CREATED: Final = (Input.CREATED,)
_UPDATED: Final = (Input.UPDATED,)
_RESERVED: Final = (Input.RESERVED,)
_RESERVED_PAID: Final = (Input.RESERVED_PAID,)
_RESERVED_FAILED: Final = (Input.RESERVED_FAILED,)
_PAID: Final = (Input.PAID,)
_FAILED: Final = (Input.FAILED,)
_COMPLETED: Final = (Input.COMPLETED,)
_COMPLETED_FAILED: Final = (Input.COMPLETED_FAILED,)
_RELEASED_PART: Final = (Input.RELEASED_PART,)
_RELEASED_ALL: Final = (Input.RELEASED_ALL,)
_UNRESERVED: Final = (Input.RELEASED_UNRESERVED,)
_EXCESS_PART: Final = (Input.RELEASED_PART, Input.RELEASED_UNRESERVED)
_EXCESS_ALL: Final = (Input.RELEASED_ALL, Input.RELEASED_UNRESERVED)
_CANCELLED: Final = (Input.CANCELLED,)
_CANCELLED_HOLDING: Final = (Input.CANCELLED_HOLDING,)
