"""Keep write streams: offsets, states, and the rows of PENDING streams until their commit.

Pending rows are spilled to Arrow IPC stream files next to the warehouse, as the client serialized them, so memory stays
constant. They outlive the client but not the server, which empties the folder at its start.
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipelines.bigquery_emulator.errors import WriteError
from pipelines.bigquery_emulator.status_codes import (
    ALREADY_EXISTS,
    COMMITTED,
    INVALID_ARGUMENT,
    INVALID_STREAM_STATE,
    INVALID_STREAM_TYPE,
    NOT_FOUND,
    OFFSET_AHEAD,
    OFFSET_EXISTS,
    OUT_OF_RANGE,
    PENDING,
    STREAM_ALREADY_COMMITTED,
    STREAM_FINALIZED,
    STREAM_NOT_FOUND,
)


@dataclass
class SpillFile:
    """An IPC stream file with batches of one schema. It is opened for each write: there are more streams than file handles."""

    path: Path
    schema: pa.Schema

    def append(self, message: bytes) -> None:
        """Add one record batch, serialized as an IPC message."""
        with self.path.open("ab", buffering=0) as file:
            if file.tell() == 0:
                file.write(self.schema.serialize())
            file.write(message)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the batches one by one."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as reader:
            yield from reader


@dataclass
class Stream:
    """One write stream that a client created."""

    name: str
    table: tuple[str, str]
    type: int
    rows: int = 0
    finalized: bool = False
    committed: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    files: list[SpillFile] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def check_offset(self, offset: int | None) -> None:
        """Raise ALREADY_EXISTS for rows sent before, OUT_OF_RANGE for a gap, INVALID_ARGUMENT for a finalized stream."""
        if self.finalized:
            raise WriteError(
                INVALID_ARGUMENT,
                f"Stream has been finalized and cannot be appended to. Entity: {self.name}",
                storage_code=STREAM_FINALIZED,
                entity=self.name,
                closes=True,
            )
        if offset is None or offset == self.rows:
            return
        below = offset < self.rows
        raise WriteError(
            ALREADY_EXISTS if below else OUT_OF_RANGE,
            f"The offset is {'within' if below else 'beyond'} stream, expected offset {self.rows}, received {offset}",
            storage_code=OFFSET_EXISTS if below else OFFSET_AHEAD,
            entity=self.name,
        )

    def spill(self, folder: Path, schema: pa.Schema, message: bytes) -> None:
        """Keep one serialized batch until the commit."""
        if not self.files or not self.files[-1].schema.equals(schema):
            self.files.append(SpillFile(folder / f"{self.name.rsplit('/', 1)[1]}.{len(self.files)}.arrows", schema))
        self.files[-1].append(message)


class Streams:
    """Every created stream, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._streams: dict[str, Stream] = {}

    def close(self) -> None:
        """Delete rows that were never committed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, parent: str, table: tuple[str, str], type_: int) -> Stream:
        """Add a stream of type COMMITTED or PENDING."""
        if type_ not in (COMMITTED, PENDING):
            raise WriteError(
                INVALID_ARGUMENT,
                "Stream type must be COMMITTED or PENDING here.",
                storage_code=INVALID_STREAM_TYPE,
            )
        stream = Stream(f"{parent}/streams/{uuid.uuid4().hex}", table, type_)
        self._streams[stream.name] = stream
        return stream

    def get(self, name: str) -> Stream:
        """Return a stream; NOT_FOUND without one."""
        if name not in self._streams:
            raise WriteError(
                NOT_FOUND,
                f"Requested entity was not found. Entity: {name}",
                storage_code=STREAM_NOT_FOUND,
                entity=name,
                closes=True,
            )
        return self._streams[name]

    def uncommittable(self, table: tuple[str, str], names: list[str]) -> list[WriteError]:
        """Return BigQuery's stream_errors: the reasons why these streams cannot be committed together."""
        errors = []
        for name in names:
            stream = self._streams.get(name)
            if stream is None or stream.table != table:
                errors.append(_stream_error(NOT_FOUND, STREAM_NOT_FOUND, name, "Stream is not found"))
            elif stream.type != PENDING:
                errors.append(_stream_error(INVALID_ARGUMENT, INVALID_STREAM_TYPE, name, "Stream is not PENDING"))
            elif stream.committed:
                errors.append(
                    _stream_error(INVALID_ARGUMENT, STREAM_ALREADY_COMMITTED, name, "Stream is already committed")
                )
            elif not stream.finalized:
                errors.append(_stream_error(INVALID_ARGUMENT, INVALID_STREAM_STATE, name, "Stream is not finalized"))
        return errors

    def batches(self, names: list[str]) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
        """Return the spilled rows of these streams: the batches per schema."""
        files = [file for name in names for file in self._streams[name].files]
        while files:
            schema = files[0].schema
            alike = [file for file in files if file.schema.equals(schema)]
            files = [file for file in files if not file.schema.equals(schema)]
            yield schema, (batch for file in alike for batch in file.batches())

    def committed(self, names: list[str]) -> None:
        """Mark streams as committed and delete their files."""
        for name in names:
            stream = self._streams[name]
            stream.committed = True
            for file in stream.files:
                file.path.unlink(missing_ok=True)
            stream.files = []


def _stream_error(code: int, storage_code: int, name: str, what: str) -> WriteError:
    return WriteError(code, f"{what}. Entity: {name}", storage_code=storage_code, entity=name)
