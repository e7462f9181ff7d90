"""Bytewax as in its documentation: one source per file, a map, a stateful step keyed by event id, a batch sink.

The project's decoder is the map; what reaches the sink is written by the same code as the loop's rows.
"""

from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main

from benchmarks.inputs import BATCH, topic_files
from benchmarks.parquet import ParquetParts
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message, parse_line


class _Lines(StatefulSourcePartition[bytes, int]):
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def next_batch(self) -> list[bytes]:
        lines = [line for _, line in zip(range(BATCH), self._file, strict=False)]
        if not lines:
            raise StopIteration
        return lines

    def snapshot(self) -> int:
        return self._file.tell()


class _Files(FixedPartitionedSource[bytes, int]):
    def __init__(self, files: list[Path]) -> None:
        self._files = {path.name: path for path in files}

    def list_parts(self) -> list[str]:
        return list(self._files)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _Lines:
        return _Lines(self._files[for_part])


class _Part(StatelessSinkPartition[Event]):
    def __init__(self, output: Path, worker: int) -> None:
        self._parts = ParquetParts(output, f"worker{worker}")
        self._waiting: list[Event] = []

    def write_batch(self, items: list[Event]) -> None:
        self._waiting += items
        if len(self._waiting) >= BATCH:
            self._parts.add_events(self._waiting)
            self._waiting = []

    def close(self) -> None:
        self._parts.add_events(self._waiting)
        self._parts.close()


class _Parquet(DynamicSink[Event]):
    def __init__(self, output: Path) -> None:
        self._output = output

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Part:
        return _Part(self._output, worker_index)


def _first(seen: bool | None, event: Event) -> tuple[bool, Event | None]:
    return True, event if seen is None else None


def build(source: Path, output: Path) -> Dataflow:
    """Wire the steps; each file is one partition, so that the copies of an event come in the order of their times."""
    decode = Decoder().decode

    def event_of(line: bytes) -> Event | None:
        message = parse_line(line, "")
        outcome = decode(message) if isinstance(message, Message) else None
        return outcome if isinstance(outcome, Event) else None

    flow = Dataflow("bench")
    lines = op.input("read", flow, _Files(topic_files(source)))
    events = op.filter_map("decode", lines, event_of)
    keyed: Any = op.key_on("by_id", events, lambda event: event.event_id)
    first = op.filter_map_value("kept", op.stateful_map("deduplicate", keyed, _first), lambda event: event)
    op.output("write", op.key_rm("rows", first), _Parquet(output))
    return flow


def run(source: Path, output: Path) -> None:
    """Run it in this process, one worker."""
    cluster_main(build(source, output), [], 0, worker_count_per_proc=1)
