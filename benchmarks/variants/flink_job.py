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
    RuntimeContext,
    RuntimeExecutionMode,
    StreamExecutionEnvironment,
)
from pyflink.datastream.connectors.file_system import FileSource, StreamFormat
from pyflink.datastream.state import ValueStateDescriptor

from benchmarks.inputs import BATCH, topic_files
from benchmarks.parquet import ParquetParts
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message, parse_line

_END = 2**63 - 2
"""A time that comes only when the input has ended."""


class _Decode(FlatMapFunction):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._decode = Decoder().decode

    def flat_map(self, line: str) -> Iterator[Event]:
        message = parse_line(line.encode(), "")
        outcome = self._decode(message) if isinstance(message, Message) else None
        if isinstance(outcome, Event):
            yield outcome


class _FirstToParquet(KeyedProcessFunction):
    """Keep the first event of each key and write it.

    The end of the input is seen by a timer: the worker is ended while its `close` still runs, so that what is written
    there may be cut off; what a timer does is waited for.
    """

    def __init__(self, output: str) -> None:
        self._output = output

    def open(self, runtime_context: RuntimeContext) -> None:
        self._seen = runtime_context.get_state(ValueStateDescriptor("seen", Types.BOOLEAN()))
        self._parts = ParquetParts(Path(self._output), f"task{runtime_context.get_index_of_this_subtask()}")
        self._waiting: list[Event] = []
        self._timed = False

    def process_element(self, event: Event, ctx: KeyedProcessFunction.Context) -> Iterator[int]:
        if not self._timed:
            ctx.timer_service().register_event_time_timer(_END)
            self._timed = True
        if self._seen.value() is None:
            self._seen.update(True)
            self._waiting.append(event)
            if len(self._waiting) >= BATCH:
                self._flush()
        yield from ()

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[int]:
        self._flush()
        self._parts.close()
        yield from ()

    def _flush(self) -> None:
        self._parts.add_events(self._waiting)
        self._waiting = []


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
        .process(_FirstToParquet(str(output.absolute())), output_type=Types.INT())
        .print()
    )
    env.execute("bench")
