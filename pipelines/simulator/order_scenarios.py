"""The lives an order can have, as data: its steps in event time, and what its saga must then be (contract 6).

Steps: `wait` is a gap longer than the saga's timeout; `reserved` and `released` stand for one event for each of the
order's partial reservations; `confirmed` and `shipped` are order.updated with that status, which moves no saga.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from pipelines.simulator.clock import HOUR, MINUTE

STUCK: Final = "SAGA_STUCK"
RECOVERED: Final = "SAGA_RECOVERED"
ORDER: Final = "COMPENSATION_ORDER"
ILLEGAL: Final = "ILLEGAL_TRANSITION"

WAIT: Final = "wait"
WAIT_SPAN: Final = (45 * MINUTE, 150 * MINUTE)
SETTLE: Final = 3 * HOUR
"""A stuck order's last step lies at least this long before the end, so that nobody can doubt that it is stuck."""
PARTS: Final = (1, 1, 1, 1, 2, 2, 3)
"""How many partial reservations an order has, as weights."""


@dataclass(frozen=True)
class Life:
    """One way that an order can go; `share` is its weight among all orders."""

    name: str
    share: int
    steps: tuple[str, ...]
    state: str
    alerts: tuple[str, ...] = ()
    refund_owed: bool = False

    def events(self, parts: int) -> int:
        """Return how many events the life has with so many partial reservations."""
        return sum(parts if step in ("reserved", "released") else 1 for step in self.steps if step != WAIT)

    @property
    def needs_us(self) -> int:
        """How long before the end the life must begin; 0 for one that fits anywhere, its gaps being shortened."""
        waits = self.steps.count(WAIT)
        settle = SETTLE if STUCK in self.alerts and RECOVERED not in self.alerts else 0
        return waits * WAIT_SPAN[1] + settle + 2 * HOUR if waits or settle else 0


def _life(name: str, share: int, steps: str, state: str, *alerts: str, refund_owed: bool = False) -> Life:
    return Life(name, share, tuple(steps.split()), state, tuple(sorted(alerts)), refund_owed)


LIVES: Final = (
    _life("happy", 340, "created reserved paid completed", "COMPLETED"),
    _life("happy_told", 250, "created confirmed reserved paid shipped completed", "COMPLETED"),
    _life("paid_at_second_try", 60, "created reserved failed paid completed", "COMPLETED"),
    _life("paid_at_third_try", 15, "created confirmed reserved failed failed paid completed", "COMPLETED"),
    _life("payment_failed", 100, "created reserved failed released cancelled", "CANCELLED"),
    _life("cancelled_at_once", 30, "created cancelled", "CANCELLED"),
    _life("cancelled_after_reservation", 20, "created reserved released cancelled", "CANCELLED"),
    _life("refund_owed", 30, "created reserved paid released cancelled", "CANCELLED", refund_owed=True),
    _life("refund_owed_cancelled_first", 10, "created reserved paid cancelled released", "CANCELLED", ORDER,
          refund_owed=True),
    _life("cancelled_before_released", 20, "created reserved failed cancelled released", "CANCELLED", ORDER),
    _life("cancelled_never_released", 10, "created reserved failed cancelled", "CANCELLED", ORDER),
    _life("completed_after_failure", 10, "created reserved failed completed", "COMPLETED", ILLEGAL),
    _life("released_without_reserved", 10, "created released cancelled", "CANCELLED", ILLEGAL),
    _life("stuck_created", 10, "created", "CREATED", STUCK),
    _life("stuck_reserved", 12, "created reserved", "RESERVED", STUCK),
    _life("stuck_paid", 8, "created reserved paid", "PAID", STUCK),
    _life("stuck_payment_failed", 8, "created reserved failed", "PAYMENT_FAILED", STUCK),
    _life("stuck_released", 6, "created reserved failed released", "RELEASED", STUCK),
    _life("reserved_late", 10, "created wait reserved paid completed", "COMPLETED", STUCK, RECOVERED),
    _life("paid_late", 10, "created reserved wait paid completed", "COMPLETED", STUCK, RECOVERED),
    _life("completed_late", 10, "created reserved paid wait completed", "COMPLETED", STUCK, RECOVERED),
    _life("late_twice", 3, "created wait reserved wait paid completed", "COMPLETED", STUCK, RECOVERED),
    _life("paid_before_created", 10, "paid created reserved completed", "COMPLETED"),
    _life("never_created", 8, "reserved paid completed", "COMPLETED"),
    _life("payment_only", 4, "paid", "PAID", STUCK),
)  # fmt: skip

MEAN_EVENTS: Final = sum(life.share * life.events(parts) for life in LIVES for parts in PARTS) / (
    len(PARTS) * sum(life.share for life in LIVES)
)


class LifePicker:
    """Pick lives by their shares, only such as fit into the time that is left."""

    def __init__(self) -> None:
        self._any = self._table(LIVES)
        self._short = self._table(tuple(life for life in LIVES if not life.needs_us))
        self._longest = max(life.needs_us for life in LIVES)

    @staticmethod
    def _table(lives: tuple[Life, ...]) -> bytes:
        return b"".join(bytes([LIVES.index(life)]) * life.share for life in lives)

    def pick(self, left_us: int, rng: Random) -> int:
        """Return the index of a life for an order that begins `left_us` before the end of event time."""
        table = self._any if left_us >= self._longest else self._short
        return table[int(rng.random() * len(table))]
