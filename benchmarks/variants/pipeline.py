"""This project on Beam: the same steps as `pipelines.batch`, as far as the two rows of each event."""

import uuid
from pathlib import Path

import apache_beam as beam

from benchmarks.parquet import RUN_ID, ParquetParts
from pipelines.inputs import plan_inputs
from pipelines.runners.direct import make_pipeline
from transforms.coders import use_sized_coders
from transforms.decode.decode import DecodeMessages
from transforms.deduplicate.batch import Deduplicate
from transforms.sources.read_files import ReadMessages
from transforms.table_rows import Run, TableRows, ToRows


class _WriteParquetFn(beam.DoFn):
    def __init__(self, output: str) -> None:
        self._output = output

    def start_bundle(self) -> None:
        self._parts = ParquetParts(Path(self._output), uuid.uuid4().hex)

    def process(self, rows: TableRows) -> None:
        self._parts.add(rows.table, rows.rows)

    def finish_bundle(self) -> None:
        self._parts.close()


def build(pipeline: beam.Pipeline, source: Path, output: Path) -> None:
    """Wire the steps."""
    use_sized_coders()
    decoded = (
        pipeline
        | "Read" >> ReadMessages(ranges=plan_inputs([str(source)], "messages"), as_of=0)
        | "Decode" >> DecodeMessages(as_of=0, window_seconds=60)
    )
    kept = decoded.events | "Deduplicate" >> Deduplicate(
        temp=str(output / ".temp"), window_seconds=60, lateness_seconds=86_400
    )
    _ = kept.events | "Rows" >> ToRows(run=Run(RUN_ID, 0, "0")) | "Write" >> beam.ParDo(_WriteParquetFn(str(output)))


def run(source: Path, output: Path, workers: int = 1) -> None:
    """Run it on FnApiRunner."""
    pipeline = make_pipeline("FnApiRunner", workers)
    build(pipeline, source, output)
    pipeline.run().wait_until_finish()
