"""The report of a topic in a streaming run: every window once, also without messages; alerts at their start and end."""

import numpy as np
import pytest

from transforms.metrics import BatchMetrics, sketch_of
from transforms.windows.topic_monitor import AlertRules, TopicMonitor

MINUTE = 60_000_000
RULES = AlertRules(baseline_windows=5, baseline_least=3)


def lags(milliseconds: float) -> bytes:
    return sketch_of(np.full(10, milliseconds)).serialize()


def window(number: int, received: int = 600, **more) -> BatchMetrics:
    return BatchMetrics(number * MINUTE, "orders", received=received, **more)


def close(watch: TopicMonitor, number: int):
    return watch.close(number * MINUTE, 60, RULES)


@pytest.mark.parametrize(("name", "value"), [("lag_ms", 0), ("dead_letters", -1), ("throughput_share", float("nan"))])
def test_a_rule_that_is_not_positive_is_rejected(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be positive, got {value}$"):
        AlertRules(**{name: value})


def test_the_rules_are_the_contracts_by_default():
    assert vars(AlertRules()) == {
        "lag_ms": 30_000, "throughput_share": 0.8, "dead_letters": 100, "baseline_windows": 60, "baseline_least": 10
    }  # fmt: skip


def test_a_silent_topic_has_a_row_with_0_each_window():
    watch = TopicMonitor("orders")
    watch.start(5 * MINUTE)
    closed = close(watch, 8)
    assert [(window.measure.window_start // MINUTE, window.measure.received) for window in closed] == [
        (5, 0),
        (6, 0),
        (7, 0),
    ]
    assert {window.measure.topic for window in closed} == {"orders"}


def test_parts_of_a_window_add_up_to_one_row():
    watch = TopicMonitor("orders")
    watch.add([window(1, 10), window(1, 0, valid=9, lags=lags(5)), window(1, 0, dead_letters=1)])
    (only,) = close(watch, 2)
    assert only.measure[2:6] == (10, 9, 0, 1)


def test_what_comes_for_a_closed_window_counts_in_the_next():
    watch = TopicMonitor("orders")
    watch.add([window(1, 10)])
    first = close(watch, 2)
    watch.add([window(1, 3)])
    second = close(watch, 3)
    assert [window.measure.received for window in first + second] == [10, 3]
    assert second[0].measure.window_start == 2 * MINUTE


def test_the_baseline_is_silent_until_enough_windows_are_known_and_then_the_median():
    watch = TopicMonitor("orders")
    watch.add([window(0, 60), window(1, 120), window(2, 600), window(3, 600)])
    assert [window.baseline for window in close(watch, 4)] == [None, None, None, 2.0]


def test_the_baseline_includes_only_the_last_windows():
    watch = TopicMonitor("orders")
    watch.add([window(number, 60 * (number + 1)) for number in range(7)])
    assert [window.baseline for window in close(watch, 7)][5:] == [3.0, 4.0]


def test_throughput_at_its_share_of_the_baseline_is_no_alert():
    watch = TopicMonitor("orders")
    watch.add([window(number, received) for number, received in enumerate((600, 600, 600, 480))])
    assert close(watch, 4)[3].began == ()


def test_throughput_alert_begins_once_and_ends_once():
    watch = TopicMonitor("orders")
    received = (600, 600, 600, 100, 100, 600)
    watch.add([window(number, count) for number, count in enumerate(received)])
    closed = close(watch, 6)
    assert [window.began for window in closed] == [(), (), (), ("THROUGHPUT",), (), ()]
    assert [window.ended for window in closed] == [(), (), (), (), (), ("THROUGHPUT",)]


def test_a_topic_that_falls_silent_raises_throughput():
    watch = TopicMonitor("orders")
    watch.add([window(number) for number in range(4)])
    assert [window.began for window in close(watch, 6)][4:] == [("THROUGHPUT",), ()]


def test_lag_and_dead_letters_alert_beyond_their_limits_only():
    watch = TopicMonitor("orders")
    at_limits, beyond = lags(30_000), lags(30_001)
    watch.add([window(0, lags=at_limits, dead_letters=100), window(1, lags=beyond, dead_letters=101), window(2)])
    closed = close(watch, 3)
    assert [window.began for window in closed] == [(), ("DEAD_LETTERS", "LAG"), ()]
    assert [window.ended for window in closed] == [(), (), ("DEAD_LETTERS", "LAG")]


def test_a_lag_that_few_events_have_is_no_alert():
    watch = TopicMonitor("orders")
    watch.add([window(0, lags=sketch_of(np.array([1.0] * 96 + [60_000.0] * 4)).serialize())])
    assert close(watch, 1)[0].began == ()
