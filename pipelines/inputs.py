"""The inputs of a bounded run: found, checked before anything is written, and planned as ranges."""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.errors import UserError
from transforms.sinks.files.files import literal
from transforms.sources.file_ranges import FileRange, looks_like_messages, plan_ranges
from transforms.sources.read_files import first_line

_NOT_INPUT = re.compile(r"[._]|truth").match
"""Files of a folder that are no input: hidden ones, manifests, and what `simulate` says of its messages."""
SUFFIXES = (".jsonl", ".jsonl.gz", ".avro")


def plan_inputs(inputs: Iterable[str], form: str) -> list[FileRange]:
    """Return the ranges of all input files; raise UserError for what is missing, empty or cut off."""
    ranges: list[FileRange] = []
    for given in inputs:
        found = list(_files(given))
        if not found:
            raise UserError(f"--input {given}: no such file, or a folder without *.jsonl, *.jsonl.gz or *.avro files")
        for path, size in found:
            ranges += plan_ranges(path, size, _form(path, size, form))
    if not any(part.end for part in ranges):
        raise UserError(f"--input {' '.join(inputs)}: the input is empty")
    return ranges


def _files(given: str) -> Iterator[tuple[str, int]]:
    here = literal(given) if Path(given).exists() else given
    folder = Path(given).is_dir() or (given.startswith("gs://") and not given.endswith(SUFFIXES))
    below = (*((f"*{suffix}",) for suffix in SUFFIXES), ("**", "*.avro"))
    patterns = [FileSystems.join(here, *names) for names in below] if folder else [here]
    try:
        for pattern in dict.fromkeys(patterns):
            for found in FileSystems.match([pattern])[0].metadata_list:
                if not folder or not _NOT_INPUT(found.path.rsplit("/", 1)[-1]):
                    yield found.path, found.size_in_bytes
    except BeamIOError as error:
        raise UserError(f"--input {given}: cannot be read ({type(error).__name__})") from None


def _form(path: str, size: int, form: str) -> str:
    if path.endswith(".avro"):
        return "avro"
    if path.endswith(".gz"):
        check_gzip(path)
    if form != "auto" or not size:
        return "messages" if form == "auto" else form
    return "messages" if looks_like_messages(first_line(path)) else "events"


def check_gzip(path: str) -> None:
    """Inflate a gzip file once to its end: a truncated one is found before anything is written."""
    try:
        with (
            FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw,
            gzip.open(raw, "rb") as file,
        ):
            while file.read(1 << 20):
                pass
    except (EOFError, OSError, zlib.error):
        raise UserError(f"--input {path}: the gzip file is truncated or damaged") from None
