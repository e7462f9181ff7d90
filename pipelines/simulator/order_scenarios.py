"""The scenarios of an order as data: its steps in event time, and its expected saga (docs/sagas.md).

Steps: `wait` is a gap longer than the saga's timeout; `reserved` and `released` are one event per partial reservation;
`confirmed` and `shipped` are order.updated with that status, which does not change the saga.
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
"""A stuck order's last step is at least this long before the end, so that it is stuck by any rule."""
PARTS: Final = (1, 1, 1, 1, 2, 2, 3)
"""How many partial reservations an order has, as weights."""


@dataclass(frozen=True)
class Scenario:
    """One scenario of an order; `share` is its weight among all orders."""

    name: str
    share: int
    steps: tuple[str, ...]
    state: str
    alerts: tuple[str, ...] = ()
    refund_owed: bool = False

    def events(self, parts: int) -> int:
        """Return the number of events with the given number of partial reservations."""
        return sum(parts if step in ("reserved", "released") else 1 for step in self.steps if step != WAIT)

    @property
    def needs_us(self) -> int:
        """Return how long before the end the scenario must begin; 0 if it fits anywhere with shortened gaps."""
        waits = self.steps.count(WAIT)
        settle = SETTLE if STUCK in self.alerts and RECOVERED not in self.alerts else 0
        return waits * WAIT_SPAN[1] + settle + 2 * HOUR if waits or settle else 0


def _scenario(name: str, share: int, steps: str, state: str, *alerts: str, refund_owed: bool = False) -> Scenario:
    return Scenario(name, share, tuple(steps.split()), state, tuple(sorted(alerts)), refund_owed)


SCENARIOS: Final = (
    _scenario("happy", 340, "created reserved paid completed", "COMPLETED"),
    _scenario("happy_told", 250, "created confirmed reserved paid shipped completed", "COMPLETED"),
    _scenario("paid_at_second_try", 60, "created reserved failed paid completed", "COMPLETED"),
    _scenario("paid_at_third_try", 15, "created confirmed reserved failed failed paid completed", "COMPLETED"),
    _scenario("payment_failed", 100, "created reserved failed released cancelled", "CANCELLED"),
    _scenario("cancelled_at_once", 30, "created cancelled", "CANCELLED"),
    _scenario("cancelled_after_reservation", 20, "created reserved released cancelled", "CANCELLED"),
    _scenario("refund_owed", 30, "created reserved paid released cancelled", "CANCELLED", refund_owed=True),
    _scenario("refund_owed_cancelled_first", 10, "created reserved paid cancelled released", "CANCELLED", ORDER,
          refund_owed=True),
    _scenario("cancelled_before_released", 20, "created reserved failed cancelled released", "CANCELLED", ORDER),
    _scenario("cancelled_never_released", 10, "created reserved failed cancelled", "CANCELLED", ORDER),
    _scenario("completed_after_failure", 10, "created reserved failed completed", "COMPLETED", ILLEGAL),
    _scenario("released_without_reserved", 10, "created released cancelled", "CANCELLED", ILLEGAL),
    _scenario("stuck_created", 10, "created", "CREATED", STUCK),
    _scenario("stuck_reserved", 12, "created reserved", "RESERVED", STUCK),
    _scenario("stuck_paid", 8, "created reserved paid", "PAID", STUCK),
    _scenario("stuck_payment_failed", 8, "created reserved failed", "PAYMENT_FAILED", STUCK),
    _scenario("stuck_released", 6, "created reserved failed released", "RELEASED", STUCK),
    _scenario("reserved_late", 10, "created wait reserved paid completed", "COMPLETED", STUCK, RECOVERED),
    _scenario("paid_late", 10, "created reserved wait paid completed", "COMPLETED", STUCK, RECOVERED),
    _scenario("completed_late", 10, "created reserved paid wait completed", "COMPLETED", STUCK, RECOVERED),
    _scenario("late_twice", 3, "created wait reserved wait paid completed", "COMPLETED", STUCK, RECOVERED),
    _scenario("paid_before_created", 10, "paid created reserved completed", "COMPLETED"),
    _scenario("never_created", 8, "reserved paid completed", "COMPLETED"),
    _scenario("payment_only", 4, "paid", "PAID", STUCK),
)  # fmt: skip

MEAN_EVENTS: Final = sum(scenario.share * scenario.events(parts) for scenario in SCENARIOS for parts in PARTS) / (
    len(PARTS) * sum(scenario.share for scenario in SCENARIOS)
)


class ScenarioPicker:
    """Pick scenarios by their shares, only those that fit into the remaining time."""

    def __init__(self) -> None:
        self._any = self._table(SCENARIOS)
        self._short = self._table(tuple(scenario for scenario in SCENARIOS if not scenario.needs_us))
        self._longest = max(scenario.needs_us for scenario in SCENARIOS)

    @staticmethod
    def _table(scenarios: tuple[Scenario, ...]) -> bytes:
        return b"".join(bytes([SCENARIOS.index(scenario)]) * scenario.share for scenario in scenarios)

    def pick(self, left_us: int, rng: Random) -> int:
        """Return the index of a scenario for an order that begins `left_us` before the end of event time."""
        table = self._any if left_us >= self._longest else self._short
        return table[int(rng.random() * len(table))]
