"""The bytes of a topic's monitor in streaming state: a version byte and MessagePack, golden in a test."""

from collections import deque
from typing import Final

import msgspec

from transforms.metrics import BatchMetrics
from transforms.state_layout import add_version, strip_version
from transforms.windows.topic_monitor import TopicMonitor

LAYOUT: Final = 1
STATE: Final = "watch"

_Measure = tuple[int, str, int, int, int, int, int, bytes | None]


class _Packed(msgspec.Struct, array_like=True):
    topic: str
    next_window: int | None
    open: list[_Measure]
    rates: list[float]
    alerts: list[str]


_decoder = msgspec.msgpack.Decoder(_Packed)


def pack_monitor(monitor: TopicMonitor) -> bytes:
    """Return the monitor as a state value; equal monitors have equal bytes."""
    measures = [tuple(monitor.open[start]) for start in sorted(monitor.open)]
    packed = _Packed(monitor.topic, monitor.next_window, measures, list(monitor.rates), sorted(monitor.alerts))  # type: ignore[arg-type]
    return add_version(LAYOUT, msgspec.msgpack.encode(packed))


def unpack_monitor(packed: bytes | None, topic: str) -> TopicMonitor:
    """Return the monitor of a state value; a new one if there is none. StateLayoutError for another layout."""
    if packed is None:
        return TopicMonitor(topic)
    held = _decoder.decode(strip_version(LAYOUT, packed, STATE))
    measures = [BatchMetrics(*measure) for measure in held.open]
    return TopicMonitor(
        held.topic,
        held.next_window,
        {measure.window_start: measure for measure in measures},
        deque(held.rates),
        set(held.alerts),
    )
