"""The pipeline's metrics: every counter and distribution by name, and what one batch adds to them.

Names come from closed lists, topics and codes, never from data: a metric service drops or charges for more.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import datasketches
import numpy as np
import pyarrow as pa
from apache_beam.metrics import Metrics
from apache_beam.metrics.cells import DistributionCell, DistributionData
from apache_beam.metrics.execution import MetricsEnvironment, _TypedMetricName
from apache_beam.metrics.metricbase import Counter as BeamCounter
from apache_beam.metrics.metricbase import MetricName

from schemas.event import DeadLetter
from schemas.message import TOPICS, UNKNOWN_TOPIC, Message, NotAMessage, topic_label
from schemas.outcomes import Code
from schemas.saga.transitions import AlertName
from schemas.timestamps import SECOND_US

NAMESPACE = "pipeline"
OUTCOMES = ("received", "valid", "duplicate", "dead_letter", "late", "refused")
TOPIC_LABELS = (*TOPICS, UNKNOWN_TOPIC)
COUNTER_NAMES = (
    *(f"{outcome}_{topic}" for outcome in OUTCOMES for topic in TOPIC_LABELS),
    *(f"dead_letter_{code}" for code in Code),
    *(f"saga_{alert}" for alert in AlertName),
    *("saga_late", "saga_published", "saga_publish_failed"),
    *("read_model_rows", "read_model_undelivered", "read_model_exhausted"),
)
DISTRIBUTION_NAMES = ("event_lag_ms", "publish_lag_ms")
SKETCH_K = 200
"""Size of a KLL sketch: a rank error of 1.33 % with 99 % confidence (Apache DataSketches)."""


class BatchMetrics(NamedTuple):
    """What one batch adds to one window and topic. `lags` is a serialized KLL sketch of milliseconds, or None."""

    window_start: int
    topic: str
    received: int = 0
    valid: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    late: int = 0
    lags: bytes | None = None


MeasuredBatch = list[BatchMetrics]


def counter(name: str) -> BeamCounter:
    """Return a counter of the closed list."""
    return Metrics.counter(NAMESPACE, name)


def window_of(time_us: int, window_seconds: int) -> int:
    """Return the start of the fixed window that holds an instant (UTC microseconds)."""
    return time_us - time_us % (window_seconds * SECOND_US)


def measure_batch(
    messages: Iterable[Message | NotAMessage], dead: Iterable[DeadLetter], as_of: int, window_seconds: int
) -> MeasuredBatch:
    """Count received messages and dead letters by window of the publish time and topic, and in Beam's counters."""
    received = _received(messages, as_of, window_seconds * SECOND_US)
    rejected = Counter(
        (window_of(as_of if d.publish_time is None else d.publish_time, window_seconds), d.topic) for d in dead
    )
    for code, count in Counter(dead_letter.code for dead_letter in dead).items():
        counter(f"dead_letter_{code}").inc(count)
    measured: dict[tuple[int, str], list[int]] = {}
    for (window, topic), count in received.items():
        measured.setdefault((window, topic_label(topic)), [0, 0])[0] += count
    for (window, topic), count in rejected.items():
        measured.setdefault((window, topic_label(topic)), [0, 0])[1] += count
    for (_, topic), (count, bad) in measured.items():
        counter(f"received_{topic}").inc(count)
        counter(f"dead_letter_{topic}").inc(bad)
    return [
        BatchMetrics(window, topic, received=count, dead_letters=bad)
        for (window, topic), (count, bad) in measured.items()
    ]


def _received(messages: Iterable[Message | NotAMessage], as_of: int, size: int) -> dict[tuple[int, str], int]:
    """Count messages by window (of `size` microseconds) and topic."""
    moments: dict[str, list[int]] = {}
    for message in messages:
        moments.setdefault(message.topic, []).append(message.publish_time if type(message) is Message else as_of)
    received = {}
    for topic, times in moments.items():
        published = np.array(times, np.int64)
        windows, counts = np.unique(published - published % size, return_counts=True)
        received.update(
            {(window, topic): count for window, count in zip(windows.tolist(), counts.tolist(), strict=True)}
        )
    return received


def measure_dead(dead: Iterable[DeadLetter], as_of: int, window_seconds: int) -> MeasuredBatch:
    """Count dead letters that were found behind decode: conflicts and what a sink rejected."""
    return measure_batch([], dead, as_of, window_seconds)


def late_mask(
    event_time: np.ndarray, publish_time: np.ndarray, window_seconds: int, lateness_seconds: int
) -> np.ndarray:
    """Tell which events were published after their window and its allowed lateness had passed (message's own clock)."""
    size = window_seconds * SECOND_US
    window_end = event_time - event_time % size + size
    return np.asarray(publish_time > window_end + lateness_seconds * SECOND_US)


def measure_events(
    rows: pa.RecordBatch, window_seconds: int, lateness_seconds: int, now_us: int | None = None
) -> MeasuredBatch:
    """Measure valid events of a wide batch: count, late, lag by window of the publish time and topic.

    The lag is publishTime - eventTime in a batch run, and processed - eventTime if `now_us` is given (streaming run).
    """
    publish = rows.column("publish_time").cast(pa.int64()).to_numpy()
    event = rows.column("event_time").cast(pa.int64()).to_numpy()
    windows = publish - publish % (window_seconds * SECOND_US)
    lags = ((publish if now_us is None else now_us) - event) / 1000.0
    late = late_mask(event, publish, window_seconds, lateness_seconds)
    topics = rows.column("topic").dictionary_encode()
    names, codes = topics.dictionary.to_pylist(), topics.indices.to_numpy()
    order = np.lexsort((windows, codes))
    keys = np.stack((codes[order].astype(np.int64), windows[order]))
    cuts = np.flatnonzero(np.any(keys[:, 1:] != keys[:, :-1], axis=0)) + 1
    measured = []
    for part in np.split(order, cuts):
        if not len(part):
            continue
        topic = topic_label(names[codes[part[0]]])
        count, tardy = len(part), int(late[part].sum())
        measured.append(
            BatchMetrics(int(windows[part[0]]), topic, valid=count, late=tardy, lags=sketch_of(lags[part]).serialize())
        )
        counter(f"valid_{topic}").inc(count)
        counter(f"late_{topic}").inc(tardy)
    _distribute("event_lag_ms", lags)
    if now_us is not None:
        _distribute("publish_lag_ms", (now_us - publish) / 1000.0)
    return measured


def measure_duplicates(publish_time: np.ndarray, topic: str, window_seconds: int) -> MeasuredBatch:
    """Count dropped duplicates by window of their publish time."""
    if not len(publish_time):
        return []
    label = topic_label(topic)
    counter(f"duplicate_{label}").inc(len(publish_time))
    windows, counts = np.unique(publish_time - publish_time % (window_seconds * SECOND_US), return_counts=True)
    return [BatchMetrics(int(w), label, duplicates=int(n)) for w, n in zip(windows, counts, strict=True)]


def sketch_of(lags: np.ndarray) -> datasketches.kll_doubles_sketch:
    """Return the KLL sketch of lags in milliseconds."""
    sketch = datasketches.kll_doubles_sketch(SKETCH_K)
    sketch.update(np.ascontiguousarray(lags, dtype=np.float64))
    return sketch


def _distribute(name: str, values: np.ndarray) -> None:
    """Update a distribution with all values by their sum, count and extremes.

    Beam's own update takes one value at a time, 0.7 µs each.
    """
    container = MetricsEnvironment.current_container()
    if container is None or not len(values):
        return
    whole = values.astype(np.int64)
    data = DistributionData(int(whole.sum()), len(whole), int(whole.min()), int(whole.max()))
    key = _TypedMetricName(DistributionCell, MetricName(NAMESPACE, name))
    container.metrics[key] = container.get_metric_cell(key).combine(_Part(data))


class _Part(NamedTuple):
    """What a cell of Beam's is combined with."""

    data: DistributionData
