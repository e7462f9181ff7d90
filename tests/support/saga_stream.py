"""A stream's shard of sagas and its log; `crash` forgets the shard, so that the next call rebuilds it from the log."""

from collections import defaultdict
from random import Random

from schemas.saga.reducer import DEFAULT_TIMEOUT_US, Saga
from tests.support.saga_events import MINUTE_US, Arrival
from transforms.sagas.columns import OrderFacts
from transforms.sagas.shard import Changes, SagaShard

DAY_US = 24 * 60 * MINUTE_US
RETENTION_US = 30 * DAY_US


class Stream:
    """A shard and its log; `crash` forgets the shard, so that the next call rebuilds it from the shuffled log."""

    def __init__(self, retention_us: int = RETENTION_US) -> None:
        self._retention_us = retention_us
        self.log: list[bytes] = []
        self.sagas: list[Saga] = []
        self.alerted: list[Saga] = []
        self.late = 0
        self.shard = self._rebuilt()

    def _rebuilt(self) -> SagaShard:
        return SagaShard(DEFAULT_TIMEOUT_US, self._retention_us, self.log)

    def crash(self, rng: Random) -> None:
        rng.shuffle(self.log)
        self.shard = self._rebuilt()

    def _take(self, changes: Changes) -> None:
        self.sagas += changes.sagas
        self.alerted += changes.alerted
        self.late += changes.late
        if self.shard.wants_snapshot:
            self.log = list(self.shard.snapshot())
        elif changes.log:
            self.log.append(changes.log)

    def add_facts(self, *some: Arrival) -> None:
        facts = defaultdict(list)
        for arrival in some:
            facts[arrival.order_id].append(arrival)
        self._take(
            self.shard.add_facts(
                OrderFacts(order_id, [arrival.fact for arrival in mine], [arrival.publish_us for arrival in mine])
                for order_id, mine in facts.items()
            )
        )

    def advance(self, watermark_us: int) -> None:
        self._take(self.shard.advance(watermark_us))

    def rows(self) -> dict[str, Saga]:
        """Return what the view order_saga_current takes: each order's row of the highest version."""
        rows: dict[str, Saga] = {}
        for saga in self.sagas:
            if saga.order_id not in rows or saga.version > rows[saga.order_id].version:
                rows[saga.order_id] = saga
        return rows
