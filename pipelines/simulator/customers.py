"""Generate customers: registrations, and later updates of single fields."""

from collections.abc import Iterator
from random import Random
from typing import Final

from pipelines.simulator.clock import arrivals
from pipelines.simulator.event import Event
from pipelines.simulator.random_values import COUNTRIES, FIRST_NAMES, LAST_NAMES, choose, uuid_text

RANK: Final = 0
_TYPES: Final = ("private", "private", "private", "business")
_STATUSES: Final = ("active", "active", "active", "on hold: awaiting proof of address", "closed at own request")


class Customers:
    """All customers of a run: `registered` registrations and `updates` updates of registered customers."""

    def __init__(self, registered: int, updates: int, start: int, span: int, seed: int) -> None:
        self._registered, self._updates, self._start, self._span = registered, updates, start, span
        self._seed = seed
        self._known = 0
        self.events = registered + (updates if registered else 0)
        self.count = registered

    @staticmethod
    def name_id(customer: int) -> str:
        """Return the id of the customer with this number."""
        return f"CUS-{customer + 1:07d}"

    def pick(self, rng: Random) -> int:
        """Return the number of a customer who has registered by now (or of the first one)."""
        return int(rng.random() * max(1, self._known - 1))

    def registrations(self) -> Iterator[tuple[int, int, list[Event]]]:
        """Yield (start, rank, events) of every registration, by start."""
        rng = Random(f"{self._seed}/customers")
        for number, at in enumerate(arrivals(self._registered, self._start, self._span, rng)):
            first, last = choose(FIRST_NAMES, rng), choose(LAST_NAMES, rng)
            data = (
                f'{{"customerId":"{self.name_id(number)}","name":"{first} {last}","email":"{_email(number, rng)}",'
                f'"phone":"{_phone(rng)}","country":"{choose(COUNTRIES, rng)}","type":"{choose(_TYPES, rng)}",'
                f'"status":"active"}}'
            )
            self._known = number + 1
            yield at, RANK, [Event(uuid_text(rng), "customer.registered", at, data, uuid_text(rng))]

    def changes(self) -> Iterator[tuple[int, int, list[Event]]]:
        """Yield (start, rank, events) of every update, by start."""
        if not self._registered:
            return
        rng = Random(f"{self._seed}/customer-updates")
        for at in arrivals(self._updates, self._start, self._span, rng):
            number = self.pick(rng)
            data = f'{{"customerId":"{self.name_id(number)}",{self._change(number, rng)}}}'
            yield at, RANK + 10, [Event(uuid_text(rng), "customer.updated", at, data, uuid_text(rng))]

    @staticmethod
    def _change(number: int, rng: Random) -> str:
        what = rng.random()
        if what < 0.3:
            return f'"email":"{_email(number, rng)}","phone":"{_phone(rng)}"'
        if what < 0.6:
            return f'"status":"{choose(_STATUSES, rng)}"'
        if what < 0.8:
            return f'"name":"{choose(FIRST_NAMES, rng)} {choose(LAST_NAMES, rng)}"'
        return f'"country":"{choose(COUNTRIES, rng)}","type":"{choose(_TYPES, rng)}"'


def _email(number: int, rng: Random) -> str:
    return f"customer.{number + 1}.{rng.getrandbits(24):06x}@mail.example.com"


def _phone(rng: Random) -> str:
    return f"+49 30 {rng.randrange(10_000_000, 99_999_999)}"
