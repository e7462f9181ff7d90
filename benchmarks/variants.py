"""The variants: each reads the same files and is run as `python -m benchmarks.variants NAME INPUT OUTPUT`.

Prints one JSON line: events, CPU seconds and wall seconds of the work alone (imports apart), peak memory, rows written.
"""

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cli import main
from pipelines.inputs import plan_inputs
from pipelines.runners import make_pipeline
from schemas.decode import Decoder
from schemas.event import Event
from schemas.tables import EVENTS, TABLES
from transforms.collector import collector_paused
from transforms.decode import DecodeMessages, decode_batch
from transforms.deduplicate import Deduplicate
from transforms.events import EventColumns
from transforms.read import MessageBatch, ReadMessages, batches, read_range
from transforms.rows import Run, TableRows, ToRows, event_rows, typed_rows

RUN = Run("bench", 0, "0")
PART_ROWS = 16_384


def read(source: str) -> Iterator[MessageBatch]:
    """Read every batch of messages of a folder, one after the other."""
    for part in plan_inputs([source], "messages"):
        yield from batches(read_range(part, 0))


def decoder(source: str, output: Path) -> dict[str, float]:
    """Decode alone: the CPU seconds of `Decoder.decode`, reading apart."""
    decode, spent, valid = Decoder().decode, 0.0, 0
    for batch in read(source):
        began = time.process_time()
        with collector_paused():
            valid += sum(type(decode(message)) is Event for message in batch)
        spent += time.process_time() - began
    return {"cpu_seconds": spent, "rows": valid}


class ParquetParts:
    """Collects rows a table and writes them in parts of the same size."""

    def __init__(self, output: Path) -> None:
        self._output, self._waiting, self._parts, self.rows = output, dict[str, list[pa.RecordBatch]](), 0, 0

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Add rows; a full part is written."""
        waiting = self._waiting.setdefault(table, [])
        waiting.append(rows)
        self.rows += rows.num_rows
        if sum(batch.num_rows for batch in waiting) >= PART_ROWS:
            self.write(table)

    def write(self, table: str) -> None:
        """Write what waits of a table."""
        waiting = self._waiting.pop(table, [])
        if waiting:
            self._parts += 1
            path = self._output / f"{table}-{id(self):x}-{self._parts:05d}.parquet"
            pq.write_table(pa.Table.from_batches(waiting), path, compression="snappy")

    def close(self) -> int:
        """Write all that waits; return the rows written."""
        for table in list(self._waiting):
            self.write(table)
        return self.rows


def loop(source: str, output: Path) -> dict[str, float]:
    """The plain loop that one would write without Beam: decode, drop repeats by a set, write both rows to Parquet."""
    one, columns, seen, parts = Decoder(), EventColumns(), set[str](), ParquetParts(output)
    for batch in read(source):
        with collector_paused():
            events, _ = decode_batch(one, batch)
            fresh = []
            for event in events:
                if event[0].event_id not in seen:
                    seen.add(event[0].event_id)
                    fresh.append(event)
            wide = columns.batches(fresh)
        for part in wide:
            parts.add(EVENTS.name, event_rows(part.rows, RUN))
            parts.add(part.table, typed_rows(part.rows, TABLES[part.table], RUN))
    return {"rows": parts.close()}


class _WriteParquetFn(beam.DoFn):
    def __init__(self, output: str) -> None:
        self._output = output

    def start_bundle(self) -> None:
        self._parts = ParquetParts(Path(self._output))

    def process(self, rows: TableRows) -> None:
        self._parts.add(rows.table, rows.rows)

    def finish_bundle(self) -> None:
        self._parts.close()


def beam_part(source: str, output: Path, workers: int = 1) -> dict[str, float]:
    """The same work as Beam runs it: read, decode, deduplicate, rows, Parquet."""
    pipeline = make_pipeline("FnApiRunner", workers)
    decoded = (
        pipeline | "Read" >> ReadMessages(plan_inputs([source], "messages"), 0) | "Decode" >> DecodeMessages(0, 60)
    )
    kept = decoded.events | "Deduplicate" >> Deduplicate(str(output / "temp"), 60, 86_400)
    _ = kept.events | "Rows" >> ToRows(RUN) | "Write" >> beam.ParDo(_WriteParquetFn(str(output)))
    pipeline.run().wait_until_finish()
    written = sum(pq.read_metadata(path).num_rows for path in output.glob("*.parquet"))
    return {"rows": written}


def beam_two(source: str, output: Path) -> dict[str, float]:
    """The same on two worker processes."""
    return beam_part(source, output, 2)


def local(source: str, output: Path) -> dict[str, float]:
    """The command `local` whole: every sink, every view, the report."""
    code = main(["local", "--input", source, "--output", str(output), "--overwrite"])
    if code:
        raise SystemExit(code)
    summary = json.loads((output / "summary.json").read_text())
    return {"rows": 2 * summary["valid"]}


VARIANTS = {"decoder": decoder, "loop": loop, "beam": beam_part, "beam, 2 workers": beam_two, "local": local}


def cpu() -> float:
    """Return CPU seconds of this process and its children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def run(name: str, source: str, output: Path) -> dict[str, float]:
    """Run one variant; the figures it gives itself stand over the measured ones."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    began, spent = time.monotonic(), cpu()
    told = VARIANTS[name](source, output)
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "cpu_seconds": cpu() - spent,
        "wall_seconds": time.monotonic() - began,
        "peak_memory_mib": max(usage) / 1024,
        **told,
    }


if __name__ == "__main__":
    figures = run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    print("\n" + json.dumps(figures))
