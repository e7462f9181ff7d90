"""Join the small files of a window into one, and its manifests too."""

import gzip
import io
import json
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from fastavro.write import Writer

from pipelines.errors import RunFailed
from pipelines.lake.verify import file_sha256
from pipelines.lake.windows import Window, closed_before, in_range, read_windows
from transforms.archive.batch import BLOCK_BYTES
from transforms.clock import wall_us
from transforms.sinks.files import telemetry
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.live_manifests import merge_manifests
from transforms.sinks.files.parquet import parquet_bytes, sort_order
from transforms.sinks.files.publish import Manifest, publish
from transforms.sinks.files.telemetry import TELEMETRY_SCHEMA

CLOSED_HOURS = 2
"""A window is compacted this long after its end, so that a streaming run does not write to it at the same time."""


class Compacted(NamedTuple):
    """What was done: windows, files before and after."""

    windows: int
    before: int
    after: int


def compact_lake(
    root: str, run_id: str, feeds: Iterable[str], target_bytes: int, start: int | None = None, end: int | None = None
) -> Compacted:
    """Join the files of each window of a range that ended `CLOSED_HOURS` ago or earlier.

    Args:
        root: the root of the lake; on a folder, whose lock the caller holds.
        run_id: the run that compacts.
        feeds: the feeds to compact.
        target_bytes: the size up to which files are joined; larger ones stay as they are.
        start: first instant of the range, microseconds since 1970; None: no limit.
        end: first instant after the range; None: no limit.

    Raises:
        RunFailed: a file is not what its manifest says; the window is left as it was.
    """
    windows = before = after = 0
    now = wall_us()
    for window in list(read_windows(root, feeds)):
        if not in_range(window.partition, start, end) or not closed_before(window.partition, now, CLOSED_HOURS):
            continue
        groups = [group for group in _groups(window, target_bytes) if len(group) > 1 or _is_outdated(window, group)]
        if groups:
            windows += 1
            before += sum(map(len, groups))
            after += len(groups)
            _compact(window, groups, run_id)
        elif window.manifest is not None and len(window.manifest["manifests"]) > 1:
            merge_manifests(window.root, window.feed, window.partition, run_id)
    return Compacted(windows, before, after)


def _groups(window: Window, target_bytes: int) -> list[list[dict[str, Any]]]:
    """Return the window's files in groups of one extension, each of at most the target size."""
    groups: list[list[dict[str, Any]]] = []
    kind = partial(_target_extension, window)
    for entry in sorted(window.entries, key=lambda entry: (kind(entry), entry["name"])):
        last = groups[-1] if groups else []
        fits = sum(known["bytes"] for known in last) + entry["bytes"] <= target_bytes
        if last and fits and kind(last[0]) == kind(entry):
            last.append(entry)
        else:
            groups.append([entry])
    return groups


def _target_extension(window: Window, entry: dict[str, Any]) -> str:
    """Return the extension of the file that an entry's rows go to."""
    return "parquet" if window.feed == telemetry.FEED else _extension(entry["name"])


def _is_outdated(window: Window, group: list[dict[str, Any]]) -> bool:
    return any(_extension(entry["name"]) != _target_extension(window, entry) for entry in group)


def _compact(window: Window, groups: list[list[dict[str, Any]]], run_id: str) -> None:
    staged = []
    for group in groups:
        for entry in group:
            if file_sha256(window.path(entry["name"])) != entry["sha256"]:
                shown = f"{window.feed}/{window.partition}/{entry['name']}"
                raise RunFailed(f"{shown}: is damaged; `event-pipelines lake verify` lists all damaged files")
        for extension, rows, data in _joined(window, group):
            content = FileContent(window.feed, window.partition, extension, rows, data)
            staged.append(stage_file(window.root, content, run_id))
    gone = {entry["name"] for group in groups for entry in group}
    if sum(file.rows for file in staged) != sum(entry["rows"] for group in groups for entry in group):
        raise RunFailed(f"{window.feed}/{window.partition}: its files hold other rows than its manifest says")
    publish(
        window.root, window.feed, window.partition, run_id, lambda before: _swapped(before or {}, gone, staged, run_id)
    )


def _swapped(before: Manifest, gone: set[str], files: list[LakeFile], run_id: str) -> Manifest:
    """Return the next generation with some files replaced by others; files that were added meanwhile stay."""
    kept = [entry for entry in before["files"] if entry["name"] not in gone]
    if len(kept) + len(gone) != len(before["files"]):
        raise RunFailed(
            f"{before['feed']}/{before['partition']}: another run replaced its files meanwhile; run it again"
        )
    kept += [{"name": file.name, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256} for file in files]
    rows = sum(entry["rows"] for entry in kept)
    return {**before, "generation": before["generation"] + 1, "run_id": run_id, "rows": rows, "files": kept}


def _joined(window: Window, group: list[dict[str, Any]]) -> list[tuple[str, int, bytes]]:
    """Return the content of joined files: extension, rows, bytes; Avro gives one per schema and codec."""
    paths, extension = [window.path(entry["name"]) for entry in group], _target_extension(window, group[0])
    if extension == "parquet":
        table = pa.concat_tables(map(_read_table, paths))
        keys = [(name, "ascending") for name in sort_order(window.feed) if name in table.column_names]
        return [(extension, table.num_rows, parquet_bytes(table.sort_by(keys) if keys else table, window.feed))]
    if extension == "avro":  # the archive
        return [(extension, rows, data) for rows, data in _joined_avro(paths)]
    data = b"".join(_read(path) for path in paths)  # members of gzip may follow each other
    lines = gzip.decompress(data) if extension.endswith("gz") else data
    return [(extension, lines.count(b"\n"), data)]


def _read_table(path: str) -> pa.Table:
    """Return the rows of a file of telemetry or features; telemetry of earlier versions is Avro."""
    if path.endswith(".avro"):
        return pa.Table.from_pylist(list(fastavro.reader(io.BytesIO(_read(path)))), schema=TELEMETRY_SCHEMA)
    return pq.read_table(io.BytesIO(_read(path)))


def _joined_avro(paths: list[str]) -> list[tuple[int, bytes]]:
    """Copy blocks as they are; small ones are not joined, since that would mean to decode them."""
    outputs: dict[tuple[str, str], tuple[io.BytesIO, Any, list[int]]] = {}
    for path in paths:
        reader = fastavro.block_reader(io.BytesIO(_read(path)))
        codec = str(reader.codec)
        key = (json.dumps(reader.writer_schema, sort_keys=True, default=str), codec)
        if key not in outputs:
            out = io.BytesIO()
            outputs[key] = (out, Writer(out, reader.writer_schema, codec=codec, sync_interval=BLOCK_BYTES), [0])
        _, writer, rows = outputs[key]
        for block in reader:
            writer.write_block(block)
            rows[0] += block.num_records
    return [(rows[0], out.getvalue()) for out, _, rows in outputs.values()]


def _read(path: str) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        data: bytes = file.read()
    return data


def _extension(name: str) -> str:
    return name.partition(".")[2]
