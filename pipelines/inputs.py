"""The inputs of a batch run: found, checked before anything is written, and planned as ranges.

Standard input and pipes are copied to a temporary file first: a run looks at its input more than once, and workers
share it.
"""

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from pipelines.errors import RunFailed, UserError
from schemas.message import UNKNOWN_TOPIC
from transforms.sources.avro_container import MAGIC
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_layout import HEAD_BYTES, Layout, layout_of
from transforms.sources.file_ranges import RANGE_BYTES, FileRange, plan_ranges
from transforms.sources.open_input import (
    COMPRESSED,
    COMPRESSED_MAGIC,
    compression_of,
    open_inflated,
    open_raw,
    reason_of,
)
from transforms.sources.read_avro import read_avro
from transforms.sources.read_lines import CHUNK_BYTES

_NOT_INPUT = re.compile(r"[._]|truth").match
"""Files of a folder that are no input: hidden ones, manifests, and the expected results that `simulate` writes."""
LINES = (".jsonl", ".ndjson")
SUFFIXES = (*LINES, *(lines + suffix for lines in LINES for suffix in COMPRESSED), ".avro")
STDIN = "-"
SPOOL_PREFIX = "event-pipelines-input-"
_SPACE = b" \t\r\n"


class InputFile(NamedTuple):
    """One file to read; `shown` is how the user calls it."""

    path: str
    size: int
    shown: str


@contextmanager
def open_inputs(
    inputs: Iterable[str], form: str, *, option: str = "--input", range_bytes: int = RANGE_BYTES
) -> Iterator[list[FileRange]]:
    """Plan the ranges of all inputs; what is read from a pipe is kept until the end of the context.

    Args:
        inputs: files, folders, pipes, or `-` for standard input.
        form: `messages`, `events` or `auto`.
        option: the option that the inputs come from, for errors.
        range_bytes: the size of a range.

    Raises:
        UserError: an input is missing, empty, damaged, or is no file of messages.
        RunFailed: what comes from a pipe cannot be copy.
    """
    given = list(inputs)
    with tempfile.TemporaryDirectory(prefix=SPOOL_PREFIX) as spool:
        ranges = []
        for name in given:
            for file in find_inputs(name, Path(spool), option):
                ranges += plan_file(file, form, option, range_bytes)
        if not ranges:
            raise UserError(f"{option} {' '.join(given)}: the input is empty")
        yield ranges


def plan_inputs(inputs: Iterable[str], form: str) -> list[FileRange]:
    """Return the ranges of files and folders; `open_inputs` takes pipes as well."""
    with open_inputs(inputs, form) as ranges:
        return ranges


def find_inputs(given: str, spool: Path, option: str) -> list[InputFile]:
    """Return the files that one input names, in order; raise UserError if there is none."""
    try:
        if given == STDIN or ("://" not in given and _is_pipe(given)):
            return [_spooled(given, spool, option)]
        files = list(_remote_files(given) if "://" in given else _local_files(given))
    except (OSError, BeamIOError) as error:
        raise UserError(f"{option} {getattr(error, 'filename', None) or given}: {_reason(error)}") from None
    if not files:
        endings = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise UserError(f"{option} {given}: no such file, or a folder without {endings}")
    return files


def plan_file(file: InputFile, form: str, option: str, range_bytes: int = RANGE_BYTES) -> list[FileRange]:
    """Return the ranges of one file, none if it is empty; raise UserError if it cannot be read to its end."""
    try:
        with open_raw(file.path) as raw:
            head = raw.read(len(MAGIC))
        if head == MAGIC or (file.size and file.path.endswith(".avro")):
            with open_raw(file.path) as raw:
                records = sum(1 for _ in read_avro(raw, UNKNOWN_TOPIC, path=file.path))
            return list(plan_ranges(file.path, file.size, "avro", range_bytes)) if records else []
        layout = _layout(file) if file.size else None
    except DamagedInput as error:
        raise UserError(f"{option} {str(error).replace(file.path, file.shown)}") from None
    if layout is None:
        return []
    values, default = layout.kind == "values", layout.default
    return list(plan_ranges(file.path, file.size, form, range_bytes, default=default, values=values))


def _layout(file: InputFile) -> Layout | None:
    """Return the layout of a text file, None when it is blank; a compressed file is inflated to its end once."""
    head = b""
    with open_inflated(file.path, file.size) as text:
        while len(head) < HEAD_BYTES and (chunk := text.read(HEAD_BYTES)):
            head = (head + chunk).lstrip(_SPACE)
        while compression_of(file.path) and text.read(CHUNK_BYTES):
            pass
    return layout_of(head[:HEAD_BYTES]) if head else None


def _local_files(given: str) -> Iterator[InputFile]:
    path = Path(given)
    if not path.is_dir():
        if path.exists() or path.is_symlink():
            yield InputFile(given, path.stat().st_size, given)
        return
    for folder, folders, names in os.walk(given, onerror=_raise):
        folders[:] = sorted(name for name in folders if not _NOT_INPUT(name))
        for name in sorted(names):
            wanted = name.endswith(SUFFIXES if folder == given else ".avro")
            if wanted and not _NOT_INPUT(name):
                found = os.path.join(folder, name)
                yield InputFile(found, os.stat(found).st_size, found)


def _raise(error: OSError) -> None:
    raise error


def _remote_files(given: str) -> Iterator[InputFile]:
    folder = not given.endswith(SUFFIXES)
    below = (*((f"*{suffix}",) for suffix in SUFFIXES), ("**", "*.avro"))
    patterns = [FileSystems.join(given, *names) for names in below] if folder else [given]
    seen: set[str] = set()
    for match in FileSystems.match(patterns):
        for found in match.metadata_list:
            if found.path not in seen and not (folder and _NOT_INPUT(found.path.rsplit("/", 1)[-1])):
                seen.add(found.path)
                yield InputFile(found.path, found.size_in_bytes, found.path)


def _is_pipe(given: str) -> bool:
    """Return whether a path is something to be read once: a pipe, a terminal, a socket."""
    path = Path(given)
    if not path.exists():
        return False
    mode = path.stat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _spooled(given: str, spool: Path, option: str) -> InputFile:
    """Copy a pipe or standard input to a file of the spool, which keeps the name: the topic may follow from it."""
    folder = Path(tempfile.mkdtemp(dir=spool))
    path = folder / ("stdin" if given == STDIN else Path(given).name)
    if given == STDIN and sys.stdin.buffer.isatty():
        print("reading standard input; Ctrl-D ends it", file=sys.stderr)
    path.touch(mode=0o600)
    with path.open("wb") as copy:
        try:
            if given == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, copy, CHUNK_BYTES)
            else:
                with open(given, "rb") as pipe:
                    shutil.copyfileobj(pipe, copy, CHUNK_BYTES)
            copy.flush()
        except OSError as error:
            raise RunFailed(f"{option} {given}: cannot be copied to {folder} ({error.strerror})") from None
    with path.open("rb") as copy:
        head = copy.read(8)
    if suffix := next((suffix for magic, suffix in COMPRESSED_MAGIC.items() if head.startswith(magic)), ""):
        path = path.rename(path.with_name(path.name.removesuffix(suffix) + suffix))
    return InputFile(str(path), path.stat().st_size, given)


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "cannot be read (a symbolic link to no file)"
    return reason_of(error)
