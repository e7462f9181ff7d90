"""The files' part: find the archive's and the dead letters' files that hold a customer, and write them without.

The new file is whole and in its window's manifest before the old one goes: a crash at any moment loses no other's
record, and the next `forget` finishes. Files that no manifest names any more are looked through as well.
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import fastavro
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.erasure.matching import Person
from schemas.message import MESSAGE_AVRO, UNKNOWN_TOPIC, Message, from_record
from schemas.timestamps import from_datetime
from transforms.archive.batch import BLOCK_BYTES
from transforms.sinks.files.files import literal, write_whole
from transforms.sinks.files.manifests import manifest_name, newest

FEEDS = ("archive", "dead_letters")
"""The feeds that hold messages as they came; the others hold devices' measurements only."""
_FILE = re.compile(r"(?P<feed>archive/[^/]+|dead_letters)/(?P<partition>dt=[^/]+(?:/hour=[^/]+)?)/(?P<name>[^/]+)$")
_SCHEMA = fastavro.parse_schema(MESSAGE_AVRO)


@dataclass(frozen=True)
class HeldFile:
    """A file with records of the customer."""

    feed: str
    partition: str
    name: str
    rows: int
    own: int

    def __str__(self) -> str:
        return f"{self.feed}/{self.partition}/{self.name}"


@dataclass(frozen=True)
class Lake:
    """The lake under one root, as one customer's records lie in it."""

    root: str
    person: Person

    def files(self) -> Iterator[tuple[str, str, str]]:
        """Yield (feed, partition, name) of every file of the feeds, hidden ones too."""
        for feed in FEEDS:
            for found in FileSystems.match([FileSystems.join(literal(self.root), feed, "**")])[0].metadata_list:
                match = _FILE.search(found.path.replace("\\", "/"))
                if match:
                    yield match["feed"], match["partition"], match["name"]

    def held(self) -> tuple[list[HeldFile], int]:
        """Return the files that hold the customer, and how many are still being written and were not looked into."""
        found, unfinished = [], 0
        for feed, partition, name in sorted(self.files()):
            if name.startswith("."):
                unfinished += name.endswith((".avro", ".tmp"))
            elif name.endswith((".avro", ".jsonl")):
                own = [is_own for _, is_own in self._records(feed, partition, name)]
                if any(own):
                    found.append(HeldFile(feed, partition, name, len(own), sum(own)))
        return found, unfinished

    def rewrite(self, file: HeldFile, run_id: str) -> str | None:
        """Replace a file by one without the customer; return its name, None where nothing else was in it."""
        folder = FileSystems.join(self.root, file.feed, file.partition)
        records = (raw for raw, is_own in self._records(file.feed, file.partition, file.name) if not is_own)
        entry: dict[str, Any] | None = None
        if file.own < file.rows:
            data = b"".join(records) if file.name.endswith(".jsonl") else _avro(records)
            stem, _, extension = file.name.rpartition(".")
            # The old name leads the new: what readers tell from it, such as a segment's minute, stays true.
            name = f"{stem}-{uuid.uuid4().hex[:8]}.{extension}"
            write_whole(folder, name, data)
            digest = hashlib.sha256(data).hexdigest()
            entry = {"name": name, "rows": file.rows - file.own, "bytes": len(data), "sha256": digest}
        before = newest(self.root, file.feed, file.partition)
        if before is not None and any(one["name"] == file.name for one in before["files"]):
            manifest = replace_file(before, file.name, entry, run_id)
            name = manifest_name(manifest["generation"], run_id)
            write_whole(folder, name, json.dumps(manifest).encode())
        FileSystems.delete([FileSystems.join(folder, file.name)])
        return entry["name"] if entry else None

    def _records(self, feed: str, partition: str, name: str) -> Iterator[tuple[Any, bool]]:
        """Yield every record of a file as it is written, and whether it is the customer's own."""
        path = FileSystems.join(self.root, feed, partition, name)
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            if name.endswith(".jsonl"):
                yield from ((line, self._owns_line(line)) for line in file)
            else:
                for record in fastavro.reader(file):
                    yield record, self._owns_record(record)

    def _owns_record(self, record: Any) -> bool:
        moment = record["publishTime"]  # fastavro reads timestamp-micros as a datetime
        micros = from_datetime(moment) if isinstance(moment, datetime) else moment
        message = from_record({**record, "publishTime": micros}, UNKNOWN_TOPIC)
        if isinstance(message, Message):
            return self.person.owns_message(message)
        return self.person.owns_dead_letter(message.data, {})

    def _owns_line(self, line: bytes) -> bool:
        letter = json.loads(line)
        return self.person.owns_dead_letter(base64.b64decode(letter["payload"] or ""), letter["attributes"] or {})


def replace_file(before: dict[str, Any], name: str, entry: dict[str, Any] | None, run_id: str) -> dict[str, Any]:
    """Return the next generation of a manifest with one file replaced, or left out where `entry` is None."""
    swapped = [entry if one["name"] == name else one for one in before["files"]]
    files = [one for one in swapped if one is not None]
    rows = sum(one["rows"] for one in files)
    return {**before, "generation": before["generation"] + 1, "run_id": run_id, "rows": rows, "files": files}


def _avro(records: Iterator[Any]) -> bytes:
    out = BytesIO()
    fastavro.writer(out, _SCHEMA, records, sync_interval=BLOCK_BYTES)
    return out.getvalue()
