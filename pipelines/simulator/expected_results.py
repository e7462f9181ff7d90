"""The expected results: what a correct pipeline finds in the generated messages, counted by the generator.

Sums are integers (ten-thousandths of a currency, hundredths of a reading), so every figure is exact.
"""

from collections import Counter
from typing import Any, Final, NamedTuple

from pipelines.simulator.clock import DAY, HOUR, day, hour, rfc3339
from pipelines.simulator.event import TOPIC_OF, TOPICS, SimulatedMessage
from pipelines.simulator.random_values import money

NO_STATUS: Final = "(none)"


class SagaRow(NamedTuple):
    """The expected final saga of an order; times in microseconds since 1970."""

    order_id: str
    correlation_id: str
    state: str
    alerts: tuple[str, ...]
    started_us: int
    updated_us: int
    events: int
    life: str
    refund_owed: bool

    def as_json(self) -> dict[str, Any]:
        """Return the row in the form of truth-sagas.jsonl."""
        return {
            "order_id": self.order_id,
            "state": self.state,
            "alerts": list(self.alerts),
            "started_time": rfc3339(self.started_us),
            "updated_time": rfc3339(self.updated_us),
            "events": self.events,
            "correlation_id": self.correlation_id,
            "refund_owed": self.refund_owed,
            "life": self.life,
        }


class ExpectedResults:
    """Count messages as they are published, and orders as they are planned."""

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()  # by delivering topic
        self.valid: Counter[str] = Counter()  # by event type
        self.duplicates: Counter[str] = Counter()  # by event type
        self.dead_by_topic: Counter[str] = Counter()
        self.dead_by_code: Counter[tuple[str, str]] = Counter()  # by (stage, code)
        self.notes: Counter[str] = Counter()
        self.late: Counter[str] = Counter()  # by topic, of valid events
        self.customers = 0
        self._hours: dict[tuple[str, int], list[int]] = {}  # events, amounts, how many of them had an amount
        self._revenue: dict[tuple[int, str], int] = {}
        self._stock: Counter[str] = Counter()
        self._readings: dict[tuple[str, int], list[int]] = {}  # count, min, max, sum
        self._statuses: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._lives: Counter[str] = Counter()
        self._refunds = 0
        self._bytes = 0
        self._event_times = (2**63, 0)
        self._last_publish = 0

    def add(self, message: SimulatedMessage) -> None:
        """Count a published message."""
        self.messages[message.topic] += 1
        self._bytes += len(message.data)
        self._last_publish = message.publish_us
        if message.outcome == "valid":
            self._add_valid(message)
        elif message.outcome == "duplicate":
            self.duplicates[message.event.event_type] += 1
        else:
            self.dead_by_topic[message.topic] += 1
            self.dead_by_code[message.stage, message.outcome] += 1

    def _add_valid(self, message: SimulatedMessage) -> None:
        event = message.event
        name, at = event.event_type, event.time_us
        self.valid[name] += 1
        for note in message.notes:
            self.notes[note] += 1
        if message.late:
            self.late[message.topic] += 1
        first, last = self._event_times
        if at > last or at < first:
            self._event_times = min(first, at), max(last, at)
        counted = self._hours.setdefault((name, at // HOUR), [0, 0, 0])
        counted[0] += 1
        if event.amount is not None:
            counted[1] += event.amount
            counted[2] += 1
            if name == "payment.processed":
                key = at // DAY, event.currency
                self._revenue[key] = self._revenue.get(key, 0) + event.amount
        elif event.stock is not None:
            place, quantity = event.stock
            self._stock[place] += quantity
        elif event.reading is not None:
            metric, value = event.reading
            reading = self._readings.setdefault((metric, at // DAY), [0, value, value, 0])
            reading[0] += 1
            reading[3] += value
            if value < reading[1]:
                reading[1] = value
            elif value > reading[2]:
                reading[2] = value

    def add_order(self, saga: SagaRow, status: str | None) -> None:
        """Count a planned order; `status` is its last status ("" for none), None if it has no order.* event."""
        self._states[saga.state] += 1
        self._alerts.update(saga.alerts)
        self._lives[saga.life] += 1
        self._refunds += saga.refund_owed
        if status is not None:
            self._statuses[status or NO_STATUS] += 1

    @property
    def received(self) -> int:
        """Return the number of all messages."""
        return self.messages.total()

    def as_json(self) -> dict[str, Any]:
        """Return the expected results in the form of truth.json, without the options."""
        valid_by_topic = _by_topic(self.valid)
        duplicates_by_topic = _by_topic(self.duplicates)
        codes: Counter[str] = Counter()
        for (_, code), count in self.dead_by_code.items():
            codes[code] += count
        first, last = self._event_times
        return {
            "messages": self.received,
            "valid": self.valid.total(),
            "duplicates": self.duplicates.total(),
            "dead_letters": codes.total(),
            "late": self.late.total(),
            "payload_bytes": self._bytes,
            "first_event_time": rfc3339(first) if self.valid else None,
            "last_event_time": rfc3339(last) if self.valid else None,
            "last_publish_time": rfc3339(self._last_publish),
            "by_topic": {
                topic: {
                    "messages": self.messages[topic],
                    "valid": valid_by_topic[topic],
                    "duplicates": duplicates_by_topic[topic],
                    "dead_letters": self.dead_by_topic[topic],
                    "late": self.late[topic],
                }
                for topic in TOPICS
            },
            "valid_by_event_type": _sorted(self.valid),
            "duplicates_by_event_type": _sorted(self.duplicates),
            "dead_letters_by_code": _sorted(codes),
            "dead_letters_by_stage": {f"{s}.{c}": n for (s, c), n in sorted(self.dead_by_code.items())},
            "notes": _sorted(self.notes),
            "customers": {"known": self.customers},
            "orders": {"known": self._statuses.total(), "by_status": _sorted(self._statuses)},
            "sagas": {
                "known": self._states.total(),
                "by_state": _sorted(self._states),
                "by_alert": _sorted(self._alerts),
                "by_life": _sorted(self._lives),
                "refunds_owed": self._refunds,
            },
            "revenue_by_day": self._revenue_by_day(),
            "stock": dict(sorted(self._stock.items())),
            "readings_by_day": self._readings_by_day(),
            "event_counts_by_hour": self._counts_by_hour(),
        }

    def _revenue_by_day(self) -> dict[str, dict[str, str]]:
        days: dict[str, dict[str, str]] = {}
        for (number, currency), amount in sorted(self._revenue.items()):
            days.setdefault(day(number), {})[currency] = money(amount)
        return days

    def _readings_by_day(self) -> dict[str, dict[str, dict[str, float]]]:
        metrics: dict[str, dict[str, dict[str, float]]] = {}
        for (metric, number), (count, low, high, total) in sorted(self._readings.items()):
            metrics.setdefault(metric, {})[day(number)] = {
                "count": count,
                "min": low / 100,
                "max": high / 100,
                "mean": total / 100 / count,
            }
        return metrics

    def _counts_by_hour(self) -> dict[str, dict[str, dict[str, int | str | None]]]:
        types: dict[str, dict[str, dict[str, int | str | None]]] = {}
        for (name, number), (count, amount, with_amount) in sorted(self._hours.items()):
            types.setdefault(name, {})[hour(number)] = {
                "events": count,
                "amount": money(amount) if with_amount else None,
            }
        return types


def _by_topic(by_type: Counter[str]) -> Counter[str]:
    topics: Counter[str] = Counter()
    for name, count in by_type.items():
        topics[TOPIC_OF[name]] += count
    return topics


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
