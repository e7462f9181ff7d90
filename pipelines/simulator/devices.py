"""Generate devices: each reports temperature, humidity and battery in turn, along a daily curve."""

import math
from collections.abc import Iterator
from random import Random
from typing import Final

from pipelines.simulator.clock import DAY, HOUR
from pipelines.simulator.event import Event
from pipelines.simulator.random_values import uuid_text

RANK: Final = 3
_READINGS_A_DEVICE: Final = 600
_MAX_DEVICES: Final = 500
_METRICS: Final = (("temperature", "degree Celsius"), ("humidity", "percent relative humidity"), ("battery", "percent"))
_COLDEST: Final = 5 * HOUR
_CHARGE: Final = 10 * DAY


class Devices:
    """`events` readings, evenly spaced over the whole span of event time."""

    def __init__(self, events: int, start: int, span: int, seed: int) -> None:
        self.events, self._start, self._span = events, start, span
        self._rng = rng = Random(f"{seed}/devices")
        count = max(1, min(_MAX_DEVICES, events // _READINGS_A_DEVICE))
        self._devices = [
            (
                f"site-{chr(97 + number % 8)}.floor-{number % 5 + 1:02d}.sensor-{number + 1:05d}",
                uuid_text(rng),
                rng.randrange(800, 1800),  # mean temperature, hundredths of a degree
                rng.randrange(300, 900),  # amplitude
                rng.randrange(_CHARGE),
            )
            for number in range(count)
        ]

    def seeds(self) -> Iterator[tuple[int, int, list[Event]]]:
        """Yield (start, rank, [event]) of every reading, by time."""
        rng, count = self._rng, len(self._devices)
        for index in range(self.events):
            at = self._start + int((index + rng.random()) / self.events * self._span)
            turn, number = divmod(index, count)
            device, correlation, mean, swing, phase = self._devices[number]
            metric, unit = _METRICS[turn % len(_METRICS)]
            value = self._value(metric, at, mean, swing, phase, rng)
            data = f'{{"deviceId":"{device}","metric":"{metric}","value":{value / 100!r},"unit":"{unit}"}}'
            event = Event(uuid_text(rng), "iot.telemetry", at, data, correlation, reading=(metric, value))
            yield at, RANK, [event]

    @staticmethod
    def _value(metric: str, at: int, mean: int, swing: int, phase: int, rng: Random) -> int:
        """Return a reading in hundredths: warmest in the afternoon, drier when warmer."""
        if metric == "battery":
            return 10_000 - 8_000 * ((at + phase) % _CHARGE) // _CHARGE
        warmth = -math.cos(2 * math.pi * (at - _COLDEST) / DAY)
        noise = rng.random() + rng.random() - 1
        if metric == "temperature":
            return mean + int(swing * warmth + 60 * noise)
        return min(10_000, 6_200 - int(2 * swing * warmth - 250 * noise))
