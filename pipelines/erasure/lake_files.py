"""Find the files of the lake that hold a customer's records, and write them without those.

Searched are the archive and the dead letters: of the live lake, of shadows, of stagings and of superseded files, whether a
manifest names a file or not, open segments of a killed stream included. The new file is whole and in its window's manifest
before the old one is deleted: a kill at any moment loses nobody else's record.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipelines.erasure.matching import Person
from pipelines.erasure.record_files import UnreadableFile, read_records, write_records
from pipelines.lake.listing import StoredFile, stored_files
from transforms.sinks.files.files import LakeFile, names_in, reveal, stage_whole
from transforms.sinks.files.manifests import is_manifest, newest, read_manifest
from transforms.sinks.files.publish import Manifest, delete_files, publish

FOLDERS = ("archive", "dead_letters", "undelivered", ".superseded", ".shadow", ".replay")
"""The folders of a lake that hold messages as they came; `ml/` holds measurements of devices only."""
_HOLDS_MESSAGES = re.compile(r"archive/.*|(?:undelivered/)?dead_letters").fullmatch


@dataclass(frozen=True)
class HeldFile:
    """A file with records of the customer."""

    file: StoredFile
    rows: int
    own: int

    def __str__(self) -> str:
        return str(self.file)


@dataclass
class Found:
    """The files that hold the customer, and those that could not be searched."""

    held: list[HeldFile] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    """Hidden files of processes that may be alive."""
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Lake:
    """The lake under one root, as one customer's records lie in it."""

    root: str
    person: Person

    def search(self) -> Found:
        """Search every file of the archive and the dead letters."""
        found = Found()
        for file in sorted(stored_files(self.root, *FOLDERS)):
            if file.is_manifest or file.name.endswith(".lock") or not _HOLDS_MESSAGES(file.feed):
                continue
            if file.name.endswith(".tmp"):
                found.unfinished.append(str(file))
                continue
            try:
                own = [is_own for _, is_own in self._records(file)]
            except UnreadableFile:
                found.unreadable.append(str(file))
                continue
            if any(own):
                found.held.append(HeldFile(file, len(own), sum(own)))
        return found

    def rewrite(self, held: HeldFile, run_id: str) -> str | None:
        """Replace a file by one without the customer; return its name, or None if nothing else was in the file."""
        file = held.file
        if file.hidden:  # an open segment keeps its name, by which the next stream finds it
            self._replace_open(file)
            return file.name
        manifest = newest(file.root, file.feed, file.partition)
        named = manifest is not None and any(entry["name"] == file.name for entry in manifest["files"])
        if not named and self._superseded(file):
            delete_files(file.root, file.feed, file.partition, [file.name])  # another run's file has taken its place
            return None
        entry = self._stage(held) if held.own < held.rows else None
        if named:
            publish(
                file.root,
                file.feed,
                file.partition,
                run_id,
                lambda before: replace_file(before or {}, file.name, entry, run_id),
                retire=delete_files,
            )
        else:
            reveal(file.folder, [entry.name] if entry else [])
            delete_files(file.root, file.feed, file.partition, [file.name])
        return entry.name if entry else None

    def _records(self, file: StoredFile) -> Iterator[tuple[Any, bool]]:
        return ((record, self._owns(file, record)) for record in read_records(file.path))

    def _owns(self, file: StoredFile, record: Any) -> bool:
        return self.person.owns_record(record, is_archive=file.feed.startswith("archive/"))

    def _stage(self, held: HeldFile) -> LakeFile:
        """Write the other records under a hidden name."""
        file = held.file
        others = (record for record, is_own in self._records(file) if not is_own)
        data = write_records(file.path, others)
        stem, dot, extension = file.name.partition(".")
        # The old name leads the new: what readers tell from it, such as a segment's minute, stays true.
        name = f"{stem}-{uuid.uuid4().hex[:8]}{dot}{extension}"
        size = stage_whole(file.folder, name, data.content)
        return LakeFile(file.feed, file.partition, name, held.rows - held.own, size, data.sha256)

    def _replace_open(self, file: StoredFile) -> None:
        others = [record for record, is_own in self._records(file) if not is_own]
        stage_whole(file.folder, file.name, write_records(file.path, iter(others)).content)
        reveal(file.folder, [file.name])

    def _superseded(self, file: StoredFile) -> bool:
        """Tell whether an older manifest of the window names the file."""
        manifests = [name for name in names_in(file.folder, "_manifest-") if is_manifest(name)]
        named = [entry["name"] for name in manifests for entry in read_manifest(file.folder, name)["files"]]
        return file.name in named


def replace_file(before: Manifest, name: str, file: LakeFile | None, run_id: str) -> Manifest:
    """Return the next generation of a manifest with one file replaced, or left out if `file` is None."""
    entry = {"name": file.name, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256} if file else None
    swapped: list[Any] = [entry if old["name"] == name else old for old in before["files"]]
    files = [kept for kept in swapped if kept is not None]
    rows = sum(kept["rows"] for kept in files)
    return {**before, "generation": before["generation"] + 1, "run_id": run_id, "rows": rows, "files": files}
