"""PyFlink, DataStream API: lines from files, the project's decoder in a flat map, keyed state, the same writer.

Events travel pickled, as PyFlink sends what it has no type for. One task slot: order within a file is kept, so the
first copy of an event that a key sees is the first that was sent.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pyflink.common import Configuration, Types, WatermarkStrategy
from pyflink.datastream import (
    FlatMapFunction,
    KeyedProcessFunction,
    MapFunction,
    RuntimeContext,
    RuntimeExecutionMode,
    StreamExecutionEnvironment,
)
from pyflink.datastream.connectors.file_system import FileSource, StreamFormat
from pyflink.datastream.state import ValueStateDescriptor

from benchmarks.inputs import BATCH, topic_files
from benchmarks.parquet import ParquetParts
from schemas.decode import Decoder
from schemas.event import Event
from schemas.message import Message, parse_line


class _Decode(FlatMapFunction):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._decode = Decoder().decode

    def flat_map(self, line: str) -> Iterator[Event]:
        message = parse_line(line.encode(), "")
        outcome = self._decode(message) if isinstance(message, Message) else None
        if isinstance(outcome, Event):
            yield outcome


class _First(KeyedProcessFunction):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._seen = runtime_context.get_state(ValueStateDescriptor("seen", Types.BOOLEAN()))

    def process_element(self, event: Event, ctx: KeyedProcessFunction.Context) -> Iterator[Event]:
        if self._seen.value() is None:
            self._seen.update(True)
            yield event


class _Write(MapFunction):
    def __init__(self, output: str) -> None:
        self._output = output

    def open(self, runtime_context: RuntimeContext) -> None:
        self._parts = ParquetParts(Path(self._output), f"task{runtime_context.get_index_of_this_subtask()}")
        self._waiting: list[Event] = []

    def map(self, event: Event) -> int:
        self._waiting.append(event)
        if len(self._waiting) >= BATCH:
            self._parts.add_events(self._waiting)
            self._waiting = []
        return 1

    def close(self) -> None:
        self._parts.add_events(self._waiting)
        self._parts.close()


class _Nothing(FlatMapFunction):
    def flat_map(self, value: int) -> Iterator[int]:
        yield from ()


def run(source: Path, output: Path) -> None:
    """Run it on a cluster in one process of java, with Python workers of this interpreter."""
    settings = Configuration()
    settings.set_string("python.executable", sys.executable)
    settings.set_string("python.client.executable", sys.executable)
    env = StreamExecutionEnvironment.get_execution_environment(settings)
    env.set_runtime_mode(RuntimeExecutionMode.STREAMING)
    env.set_parallelism(1)
    files = FileSource.for_record_stream_format(
        StreamFormat.text_line_format(), *(str(path.absolute()) for path in topic_files(source))
    )
    lines = env.from_source(files.build(), WatermarkStrategy.no_watermarks(), "files")
    (
        lines.flat_map(_Decode())
        .key_by(lambda event: event.event_id, key_type=Types.STRING())
        .process(_First())
        .map(_Write(str(output.absolute())), output_type=Types.INT())
        .flat_map(_Nothing(), output_type=Types.INT())
        .print()
    )
    env.execute("bench")
