"""The transition table of the order saga: the next state for each state and input.

The reducer (`schemas.saga.reducer`) applies this table, the documentation (`schemas.saga.diagram`) is generated from it,
and a test checks that every cell is exercised. The effect of a fact can depend on what the order holds (is stock
reserved? did the last payment fail?). Therefore the inputs are facts combined with this condition, which
`schemas.saga.open_items` evaluates; the table itself has no conditions.

The saga observes events and sends no commands. An alert marks an event that should not have happened. Only facts marked
`step` restart the deadline. Decisions: docs/decisions/0006-order-saga.md.
"""

from enum import StrEnum
from itertools import product
from typing import Final, NamedTuple


class State(StrEnum):
    """The state of an order. START is internal: rows show `PUBLIC_STATE` instead."""

    START = "START"
    CREATED = "CREATED"
    RESERVED = "RESERVED"
    PAID = "PAID"
    COMPLETED = "COMPLETED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    RELEASED = "RELEASED"
    CANCELLED = "CANCELLED"


class Input(StrEnum):
    """A fact combined with what the order holds; the value is its name in documents."""

    CREATED = "order.created"
    UPDATED = "order.updated"
    RESERVED = "inventory.reserved"
    RESERVED_PAID = "inventory.reserved, order paid"
    RESERVED_FAILED = "inventory.reserved, payment failed"
    PAID = "payment.processed"
    FAILED = "payment.failed"
    COMPLETED = "order.completed"
    COMPLETED_FAILED = "order.completed after payment.failed"
    RELEASED_PART = "inventory.released, some still held"
    RELEASED_ALL = "inventory.released, nothing held"
    RELEASED_UNRESERVED = "inventory.released without reserved"
    CANCELLED = "order.updated CANCELLED, nothing held"
    CANCELLED_HOLDING = "order.updated CANCELLED, stock held"


class AlertName(StrEnum):
    """The alerts of a saga; each is raised at most once per saga."""

    SAGA_STUCK = "SAGA_STUCK"
    SAGA_RECOVERED = "SAGA_RECOVERED"
    COMPENSATION_ORDER = "COMPENSATION_ORDER"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"


class Row(NamedTuple):
    """One rule: in any of `sources`, any of `inputs` leads to `target` (None: the state does not change)."""

    sources: tuple[State, ...]
    inputs: tuple[Input, ...]
    target: State | None
    step: bool = True
    alert: AlertName | None = None


class Move(NamedTuple):
    """One cell of the table: the next state, whether the deadline restarts, and the alert raised."""

    target: State
    step: bool
    alert: AlertName | None


CLOSED: Final = (State.COMPLETED, State.CANCELLED)
OPEN: Final = (State.CREATED, State.RESERVED, State.PAID, State.PAYMENT_FAILED, State.RELEASED)
_LIVE: Final = (State.START, *OPEN)
_ANY: Final = (*_LIVE, *CLOSED)
_STAYS: Final = None

# A saga with only releases of unreserved stock has not begun and has no deadline; its rows show RELEASED.
PUBLIC_STATE: Final[dict[State, State]] = {s: s for s in State} | {State.START: State.RELEASED}

ROWS: Final[tuple[Row, ...]] = (
    # The first fact opens the saga, whatever its type: order.created may arrive later or never.
    Row((State.START,), (Input.CREATED, Input.UPDATED), State.CREATED),
    Row((*OPEN, *CLOSED), (Input.CREATED, Input.UPDATED), _STAYS, step=False),
    # Forward. A reservation never moves a paid or failed order back to RESERVED.
    Row(_LIVE, (Input.RESERVED,), State.RESERVED),
    Row(_LIVE, (Input.RESERVED_PAID,), State.PAID),
    Row(_LIVE, (Input.RESERVED_FAILED,), State.PAYMENT_FAILED),
    Row(CLOSED, (Input.RESERVED, Input.RESERVED_PAID, Input.RESERVED_FAILED), _STAYS, step=False),
    Row(_LIVE, (Input.PAID,), State.PAID),
    Row(_LIVE, (Input.COMPLETED,), State.COMPLETED),
    Row(_LIVE, (Input.COMPLETED_FAILED,), State.COMPLETED, alert=AlertName.ILLEGAL_TRANSITION),
    # Failure and compensation.
    Row((*_LIVE[:-1],), (Input.FAILED,), State.PAYMENT_FAILED),
    Row((State.RELEASED,), (Input.FAILED,), _STAYS),
    Row(_LIVE, (Input.RELEASED_PART,), _STAYS),
    Row(_LIVE, (Input.RELEASED_ALL,), State.RELEASED),
    Row(_ANY, (Input.RELEASED_UNRESERVED,), _STAYS, step=False, alert=AlertName.ILLEGAL_TRANSITION),
    Row(_LIVE, (Input.CANCELLED,), State.CANCELLED),
    Row(_LIVE, (Input.CANCELLED_HOLDING,), State.CANCELLED, alert=AlertName.COMPENSATION_ORDER),
    # After the end. A completed order can still be cancelled; a cancelled one stays cancelled.
    Row(CLOSED, (Input.PAID, Input.FAILED), _STAYS, step=False),
    Row(CLOSED, (Input.RELEASED_PART, Input.RELEASED_ALL), _STAYS, step=False),
    Row(CLOSED, (Input.CANCELLED,), State.CANCELLED, step=False),
    Row(CLOSED, (Input.CANCELLED_HOLDING,), State.CANCELLED, step=False, alert=AlertName.COMPENSATION_ORDER),
    Row((State.COMPLETED,), (Input.COMPLETED,), _STAYS, step=False),
    Row((State.COMPLETED,), (Input.COMPLETED_FAILED,), _STAYS, step=False, alert=AlertName.ILLEGAL_TRANSITION),
    Row(
        (State.CANCELLED,),
        (Input.COMPLETED, Input.COMPLETED_FAILED),
        _STAYS,
        step=False,
        alert=AlertName.ILLEGAL_TRANSITION,
    ),
)


def expand(rows: tuple[Row, ...]) -> dict[State, dict[Input, Move]]:
    """Return the table cell by cell; raise ValueError if a cell has two rows or none."""
    moves: dict[State, dict[Input, Move]] = {state: {} for state in State}
    for row in rows:
        for source, symbol in product(row.sources, row.inputs):
            if symbol in moves[source]:
                raise ValueError(f"two rows for {source} and {symbol.value!r}")
            moves[source][symbol] = Move(row.target or source, row.step, row.alert)
    missing = [(s, i) for s, i in product(State, Input) if i not in moves[s]]
    if missing:
        raise ValueError(f"no row for {missing}")
    return moves


MOVES: Final = expand(ROWS)

# Cells that cannot occur: some states never hold stock or always do, and some imply how the last payment ended.
_NEEDS_STOCK: Final = (Input.RELEASED_PART, Input.RELEASED_ALL, Input.CANCELLED_HOLDING)
_NEEDS_FAILURE: Final = (Input.RESERVED_FAILED, Input.COMPLETED_FAILED)
_NEEDS_NO_FAILURE: Final = (Input.RESERVED, Input.RESERVED_PAID, Input.COMPLETED)
IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    [
        *product((State.START, State.CREATED, State.RELEASED), _NEEDS_STOCK),
        *product((State.RESERVED,), (Input.CANCELLED,)),
        *product((State.START, State.CREATED, State.RESERVED, State.PAID), _NEEDS_FAILURE),
        *product((State.START, State.CREATED, State.RESERVED), (Input.RESERVED_PAID,)),
        *product((State.PAID,), (Input.RESERVED,)),
        *product((State.PAYMENT_FAILED,), _NEEDS_NO_FAILURE),
    ]
)
