"""Gather: bytes by key until they are many or a time has passed, in keyed state; what files of a live run are made of.

The global window, so that nothing is ever too late to be written; an event-time timer flushes and clears.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.timestamp import Timestamp

from transforms.state_layout import add_version, state_name, strip_version

LAYOUT: Final = 1
"""Layout version of both states; a change of _HELD or of a packed part raises it."""
_HELD = struct.Struct("<qq")


class Part(NamedTuple):
    """Some rows of a file: how many, and as bytes."""

    rows: int
    data: bytes


Gathered = tuple[str, list[Part]]


@dataclass(kw_only=True)
class Gather(beam.PTransform[beam.PCollection[tuple[str, Part]], beam.PCollection[Gathered]]):
    """Gather parts by key, up to `most_bytes` or `seconds` of event time."""

    seconds: float
    most_bytes: int = 32 << 20

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"seconds must be positive, got {self.seconds}")
        if self.most_bytes < 1:
            raise ValueError(f"most_bytes must be at least 1, got {self.most_bytes}")

    def expand(self, pcoll: beam.PCollection[tuple[str, Part]]) -> beam.PCollection[Gathered]:
        return (
            pcoll
            | "Unwindow" >> beam.WindowInto(GlobalWindows())
            | "Pack" >> beam.Map(_pack).with_output_types(tuple[str, bytes])
            | "Gather" >> beam.ParDo(_GatherFn(self.seconds, self.most_bytes))
        )


def pack_held(size: int, due: int) -> bytes:
    """Return the state value of the bytes held and when they are due, UTC microseconds."""
    return add_version(LAYOUT, _HELD.pack(size, due))


def unpack_held(packed: bytes | None) -> tuple[int, int]:
    """Return what `pack_held` packed; zeros if there is none. StateLayoutError for another layout."""
    if packed is None:
        return 0, 0
    size, due = _HELD.unpack(strip_version(LAYOUT, packed, "held"))
    return size, due


def pack_part(part: Part) -> bytes:
    """Return one value of the bag of parts."""
    return add_version(LAYOUT, struct.pack("<q", part.rows) + part.data)


def unpack_part(packed: bytes) -> Part:
    """Return the part of a value of the bag. StateLayoutError for another layout."""
    data = strip_version(LAYOUT, packed, "parts")
    return Part(struct.unpack_from("<q", data)[0], data[8:])


def _pack(keyed: tuple[str, Part]) -> tuple[str, bytes]:
    key, part = keyed
    return key, pack_part(part)


class _GatherFn(beam.DoFn):
    PARTS = BagStateSpec(state_name("parts", LAYOUT), BytesCoder())
    HELD = ReadModifyWriteStateSpec(state_name("held", LAYOUT), BytesCoder())
    FLUSH = TimerSpec("flush", TimeDomain.WATERMARK)

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._seconds, self._most = seconds, most_bytes

    def process(
        self,
        element: tuple[str, bytes],
        timestamp: Any = beam.DoFn.TimestampParam,
        parts: Any = beam.DoFn.StateParam(PARTS),
        held: Any = beam.DoFn.StateParam(HELD),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
    ) -> Iterator[Gathered]:
        key, packed = element
        size, due = unpack_held(held.read())
        if size + len(packed) > self._most:
            yield key, [*map(unpack_part, parts.read()), unpack_part(packed)]
            parts.clear()
            held.clear()
            return
        parts.add(packed)
        if not size:
            due = timestamp.micros + int(self._seconds * 1e6)
        flush.set(Timestamp(micros=due))
        held.write(pack_held(size + len(packed), due))

    @on_timer(FLUSH)
    def flush_parts(
        self,
        key: Any = beam.DoFn.KeyParam,
        parts: Any = beam.DoFn.StateParam(PARTS),
        held: Any = beam.DoFn.StateParam(HELD),
    ) -> Iterator[Gathered]:
        """Hand out what is held."""
        gathered = [unpack_part(packed) for packed in parts.read()]
        parts.clear()
        held.clear()
        if gathered:
            yield key, gathered
