"""Keep dead letters that their table did not take in files, until a later command adds them to the table.

The folder `undelivered/dead_letters` of the lake holds only what the table lacks: pipelines/stores/undelivered.py loads
its files and deletes them, so looking for them costs one listing. The lines are those of the lake's `dead_letters`,
which holds the same dead letters for good.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from schemas.tables.definitions import DEAD_LETTERS
from schemas.timestamps import to_rfc3339
from transforms.sinks.dead_letter_rows import cells_line
from transforms.sinks.files.dead_letter_files import COMPRESSIONS, lines_content
from transforms.sinks.files.files import LakeFile, write_file
from transforms.sinks.results import FailedRows
from transforms.table_rows import Run

UNDELIVERED_DEAD_LETTERS = "undelivered/dead_letters"
"""Folder of the lake; partitions are days of the run's start."""


@dataclass(kw_only=True)
class KeepUndelivered(beam.PTransform[beam.PCollection[FailedRows], beam.PCollection[LakeFile]]):
    """Write rejected rows of `dead_letters` as JSON lines, one file per bundle; rows of other tables are ignored.

    Args:
        root: root of the lake.
        run: the run, whose id begins the files' names.
        compression: of the files, `none` or `gzip`.
    """

    root: str
    run: Run
    compression: str = COMPRESSIONS[0]

    def expand(self, pcoll: beam.PCollection[FailedRows]) -> beam.PCollection[LakeFile]:
        return pcoll | "Write" >> beam.ParDo(_KeepFn(self.root, self.run, self.compression))


class _KeepFn(beam.DoFn):
    def __init__(self, root: str, run: Run, compression: str) -> None:
        self._root, self._run, self._compression = root, run, compression

    def start_bundle(self) -> None:
        self._lines: list[bytes] = []

    def process(self, failed: FailedRows) -> None:
        if failed.table == DEAD_LETTERS.name:
            self._lines += [cells_line(row) for row in failed.rows.to_pylist()]

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._lines:
            day = f"dt={to_rfc3339(self._run.started)[:10]}"
            lines = b"".join(self._lines)
            content = lines_content(UNDELIVERED_DEAD_LETTERS, day, len(self._lines), lines, self._compression)
            yield GlobalWindows.windowed_value(write_file(self._root, content, self._run.run_id))
