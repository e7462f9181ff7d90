"""The state of one topic in a streaming run: sums of open windows, a baseline of throughput, alerts that are active.

Pure: `TopicMonitor.add` takes counts, `TopicMonitor.close` turns windows that have ended into rows. A window is closed
once: counts that arrive for it later are added to the oldest open window, so that the sums of all rows stay exact.
"""

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.timestamps import SECOND_US
from transforms.metrics import BatchMetrics
from transforms.windows.pipeline_metrics import merge, percentiles

LAG = "LAG"
THROUGHPUT = "THROUGHPUT"
DEAD_LETTERS = "DEAD_LETTERS"


@dataclass(frozen=True)
class AlertRules:
    """The limits at which alerts begin (docs/operations.md).

    Args:
        lag_ms: 95th percentile of the lag, milliseconds.
        throughput_share: events per second as a share of the baseline, which is the median of the last windows.
        dead_letters: dead letters of a window.
        baseline_windows: number of windows of the baseline.
        baseline_least: number of windows before which there is no baseline.
    """

    lag_ms: float = 30_000.0
    throughput_share: float = 0.8
    dead_letters: int = 100
    baseline_windows: int = 60
    baseline_least: int = 10

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")


class ClosedWindow(NamedTuple):
    """One closed window: its sums, the baseline before it, and the alerts that `began`, or `ended`, with it."""

    measure: BatchMetrics
    baseline: float | None
    began: tuple[str, ...]
    ended: tuple[str, ...]


@dataclass
class TopicMonitor:
    """One topic. `next_window` is the first window that is not closed; None before anything is known."""

    topic: str
    next_window: int | None = None
    open: dict[int, BatchMetrics] = field(default_factory=dict)
    rates: deque[float] = field(default_factory=deque)
    alerts: set[str] = field(default_factory=set)

    def start(self, window_start: int) -> None:
        """Close windows from this one on: a topic without messages gets rows as well."""
        if self.next_window is None or (window_start < self.next_window and not self.rates):
            self.next_window = window_start

    def add(self, measures: Iterable[BatchMetrics]) -> None:
        """Add counts to the open windows."""
        for measure in measures:
            self.start(measure.window_start)
            assert self.next_window is not None
            window = max(measure.window_start, self.next_window)
            held = self.open.get(window)
            moved = measure._replace(window_start=window)
            self.open[window] = moved if held is None else merge((held, moved))[0]

    def close(self, before: int, window_seconds: int, rules: AlertRules) -> list[ClosedWindow]:
        """Close all windows that start before an instant, in order, silent ones too."""
        closed = []
        size = window_seconds * SECOND_US
        while self.next_window is not None and self.next_window < before:
            measure = self.open.pop(self.next_window, None) or BatchMetrics(self.next_window, self.topic)
            closed.append(self._judge(measure, window_seconds, rules))
            self.next_window += size
        return closed

    def _judge(self, measure: BatchMetrics, window_seconds: int, rules: AlertRules) -> ClosedWindow:
        known = len(self.rates) >= rules.baseline_least
        baseline = statistics.median(self.rates) if known else None
        rate = measure.received / window_seconds
        now = set(active_alerts(measure, rate, baseline, rules))
        began, ended = sorted(now - self.alerts), sorted(self.alerts - now)
        self.alerts = now
        self.rates.append(rate)
        while len(self.rates) > rules.baseline_windows:
            self.rates.popleft()
        return ClosedWindow(measure, baseline, tuple(began), tuple(ended))


def active_alerts(measure: BatchMetrics, rate: float, baseline: float | None, rules: AlertRules) -> Iterable[str]:
    """Yield the alerts that are active in a window."""
    lag = percentiles(measure.lags)[1]
    if lag is not None and lag > rules.lag_ms:
        yield LAG
    if baseline and rate < baseline * rules.throughput_share:
        yield THROUGHPUT
    if measure.dead_letters > rules.dead_letters:
        yield DEAD_LETTERS
