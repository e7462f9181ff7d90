"""The journal of a deletion: what a run that was killed has to finish, and the record of a run that is over.

While a deletion is unfinished, `forgotten/.pending-<run_id>.json` under the root of the lake names the customer, so that the
next `forget`, for whomever, finishes it. It is deleted when the record `forgotten/<run_id>.json` is written, which says
nothing of the person.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.version import pipeline_version
from schemas.timestamps import to_rfc3339
from transforms.sinks.files.files import names_in, write_whole

RECORDS = "forgotten"
_PENDING = ".pending-"


@dataclass
class Deletion:
    """One deletion: whose, and what is done of it.

    `started` is in microseconds since 1970.
    """

    run_id: str
    customer: str
    request: str | None
    started: int
    rows: dict[str, int] = field(default_factory=dict)
    """Rows that were deleted, by table."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Files that were replaced: their names, what they became, and how many records were left out."""


class Journal:
    """The deletions of one lake."""

    def __init__(self, root: str) -> None:
        self._folder = str(FileSystems.join(root, RECORDS))

    def pending(self) -> list[Deletion]:
        """Return the deletions that were begun and not finished, the oldest first."""
        names = [name for name in names_in(self._folder, _PENDING) if name.endswith(".json")]
        return sorted((self._read(name) for name in names), key=lambda deletion: deletion.started)

    def save(self, deletion: Deletion) -> None:
        """Write what is done of a deletion, whole or not at all, readable by its owner only."""
        name = f"{_PENDING}{deletion.run_id}.json"
        write_whole(self._folder, name, json.dumps(asdict(deletion)).encode())
        if "://" not in self._folder:
            os.chmod(Path(self._folder) / name, 0o600)

    def finish(self, deletion: Deletion, *, complete: bool, left: list[str], kept: int) -> str:
        """Write the record of a deletion and return its path.

        Args:
            deletion: what was done.
            complete: whether a search after the deletion found nothing; if not, the journal is kept for the next run.
            left: why it is not complete.
            kept: how many order events that name the customer stay.
        """
        record = {
            "run_id": deletion.run_id,
            "forgotten_time": to_rfc3339(deletion.started),
            "pipeline_version": pipeline_version(),
            "request": deletion.request,
            "complete": complete,
            "left": left,
            "rows": deletion.rows,
            "files": deletion.files,
            "order_events_kept": kept,
        }
        name = f"{deletion.run_id}.json"
        write_whole(self._folder, name, (json.dumps(record, indent=2) + "\n").encode())
        if complete:
            FileSystems.delete([FileSystems.join(self._folder, f"{_PENDING}{deletion.run_id}.json")])
        return str(FileSystems.join(self._folder, name))

    def _read(self, name: str) -> Deletion:
        path = FileSystems.join(self._folder, name)
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            return Deletion(**json.loads(file.read()))
