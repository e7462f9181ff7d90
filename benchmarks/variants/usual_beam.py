"""Beam as usually written: one event per element, one DoFn per step, GroupByKey on the event id, WriteToParquet."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.parquetio import WriteToParquet

from benchmarks.dict_rows import event_row, typed_row
from benchmarks.digest import WRITTEN
from benchmarks.inputs import topic_files
from pipelines.runners.direct import make_pipeline
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message, parse_line
from schemas.registry import REGISTRY
from schemas.tables.definitions import EVENTS, TABLES

Row = dict[str, Any]
_TABLE_OF = {event_type.name: event_type.table for event_type in REGISTRY}


class _ParseFn(beam.DoFn):
    def __init__(self, topic: str) -> None:
        self._topic = topic

    def process(self, line: bytes) -> Iterator[Message]:
        message = parse_line(line, self._topic)
        if isinstance(message, Message):
            yield message


class _DecodeFn(beam.DoFn):
    def setup(self) -> None:
        self._decoder = Decoder()

    def process(self, message: Message) -> Iterator[Event]:
        outcome = self._decoder.decode(message)
        if isinstance(outcome, Event):
            yield outcome


class _RowsFn(beam.DoFn):
    """Build both rows of an event as plain dicts, with the coder that most pipelines use by default."""

    def process(self, event: Event) -> Iterator[tuple[str, tuple[Row, str, Row]]]:
        table = _TABLE_OF[event.event_type]
        yield event.event_id, (event_row(event), table, typed_row(event, TABLES[table]))


class _FirstFn(beam.DoFn):
    def process(self, group: tuple[str, Iterable[tuple[Row, str, Row]]]) -> Iterator[tuple[Row, str, Row]]:
        yield min(group[1], key=lambda row: (row[0]["publish_time"], row[0]["message_id"]))


def build(pipeline: beam.Pipeline, source: Path, output: Path) -> None:
    """Wire the steps."""
    topics = [
        pipeline
        | f"Read {path.stem}" >> beam.io.ReadFromText(str(path), coder=beam.coders.BytesCoder())
        | f"Parse {path.stem}" >> beam.ParDo(_ParseFn(path.stem))
        for path in topic_files(source)
    ]
    rows = (
        topics
        | beam.Flatten()
        | "Decode" >> beam.ParDo(_DecodeFn())
        | "Rows" >> beam.ParDo(_RowsFn())
        | "ById" >> beam.GroupByKey()
        | "First" >> beam.ParDo(_FirstFn())
    )
    for name in WRITTEN:
        mine = (
            rows | "Events" >> beam.Map(lambda row: row[0])
            if name == EVENTS.name
            else rows
            | f"Only {name}" >> beam.Filter(lambda row, name=name: row[1] == name)
            | f"Typed {name}" >> beam.Map(lambda row: row[2])
        )
        _ = mine | f"Write {name}" >> WriteToParquet(
            str(output / name / "part"), TABLES[name].arrow_schema(), file_name_suffix=".parquet"
        )


def run(source: Path, output: Path) -> None:
    """Run it."""
    pipeline = make_pipeline("FnApiRunner", 1)
    build(pipeline, source, output)
    pipeline.run().wait_until_finish()
