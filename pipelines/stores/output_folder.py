"""Write a run's result into an output folder, and replace an earlier result as a whole.

`local --overwrite` writes to `DIR/.new` and swaps at the end: until then `DIR` holds the earlier result, whatever
happens to the run. `DIR/.new` is inside the folder, so that it is on the same file system also when DIR is a mount point
or its parent is read-only. The swap is a rename per entry; the file `COMPLETE` in `DIR/.new` is its commit: a swap that
was killed is finished by the next command that writes, an incomplete `DIR/.new` is deleted by it.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipelines.error_text import known_text
from pipelines.errors import UserError
from pipelines.stores.folder_lock import LOCK_NAME

WAREHOUSE = "warehouse.duckdb"
LAKE = "lake"
SUMMARY = "summary.json"
REPORT = "report.html"
WORK = ".work"
"""Temporary files of a run; the next command that writes deletes what a killed run left."""
NEW = ".new"
RESULT = (WAREHOUSE, LAKE, REPORT, SUMMARY)
_OTHER_FILES = (WORK, f"{WAREHOUSE}.wal", "warehouse.address.json", f"{WAREHOUSE}.pending")
_OURS, _COMPLETE, _SWAPPING = "EVENT-PIPELINES", "COMPLETE", "SWAPPING"


def check_disjoint(inputs: Iterable[str], files: Iterable[str], output: Path) -> None:
    """Reject inputs inside the output folder, and an output folder inside an input folder.

    Args:
        inputs: the values of --input.
        files: the files that the inputs expand to.
        output: the value of --output.
    """
    folder = output.resolve()
    for path in (*inputs, *files):
        if "://" not in path and Path(path).resolve().is_relative_to(folder):
            raise UserError(f"--input {path}: is inside --output {output}, which the run changes; give another folder")
    for path in inputs:
        if "://" not in path and Path(path).is_dir() and folder.is_relative_to(Path(path).resolve()):
            raise UserError(f"--output {output}: is inside --input {path}, which the run reads; give another folder")


def check_output(output: Path, *, overwrite: bool, append: bool) -> None:
    """Reject an output folder with files that the options do not allow to change."""
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file, a folder is needed")
    found = {path.name for path in output.iterdir()} - {LOCK_NAME, NEW} if output.exists() else set()
    if found and not overwrite and not append:
        raise UserError(
            f"--output {output}: the folder is not empty; --overwrite replaces the earlier result, --append adds to it"
        )
    if overwrite and WAREHOUSE not in found and (foreign := sorted(found & set(RESULT))):
        raise UserError(
            f"--output {output}: holds {foreign[0]} but no {WAREHOUSE}, so no run wrote it; give another folder"
        )


def holds_result(output: Path) -> bool:
    """Return whether the folder has a result of an earlier run."""
    return any((output / name).exists() for name in RESULT)


def settle(output: Path) -> None:
    """Finish or undo the swaps of killed runs; the caller holds the folder's lock."""
    new = output / NEW
    if (new / _COMPLETE).exists() or (new / _SWAPPING).exists():
        _swap(output)
    elif new.is_dir() and ((new / _OURS).exists() or not any(new.iterdir())):
        _remove(new)
    if (output / WAREHOUSE).exists():
        shutil.rmtree(output / WORK, ignore_errors=True)


def needs_settling(output: Path) -> bool:
    """Return whether a swap was killed, so that entries of the result may be missing."""
    return any((output / NEW / marker).exists() for marker in (_COMPLETE, _SWAPPING))


@contextmanager
def replacement(output: Path) -> Iterator[Path]:
    """Yield an empty folder for a new result; it replaces the earlier one when the block ends without an exception."""
    new = output / NEW
    try:
        new.mkdir()
    except FileExistsError:
        raise UserError(f"--output {output}: holds {NEW}, which no run wrote; move it elsewhere") from None
    (new / _OURS).touch()
    try:
        yield new
        _write_synced(new / _COMPLETE, b"")
    except BaseException:
        with suppress(OSError):  # what stays is deleted by the next command
            _remove(new)
        raise
    _swap(output)


def write_summary(output: Path, summary: dict[str, Any]) -> None:
    """Write summary.json, whole or not at all."""
    unfinished = output / f"{SUMMARY}.tmp"
    try:
        _write_synced(unfinished, (json.dumps(summary, indent=2) + "\n").encode())
        unfinished.replace(output / SUMMARY)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def write_failure(output: Path, about: dict[str, Any], error: BaseException) -> None:
    """Record the failure and its reason in summary.json, unless the write fails too (the disk may be full)."""
    text = "interrupted" if isinstance(error, KeyboardInterrupt) else known_text(error) or type(error).__name__
    with suppress(OSError):
        write_summary(output, {**about, "state": "FAILED", "error": text})


def _swap(output: Path) -> None:
    """Move the earlier result out, then the new one in; each step can be repeated after a kill."""
    new = output / NEW
    old = new / "old"
    if (new / _COMPLETE).exists():
        old.mkdir(exist_ok=True)
        for name in (*RESULT, *_OTHER_FILES):
            if (output / name).exists():
                (output / name).rename(old / name)
        (new / _COMPLETE).rename(new / _SWAPPING)
    for name in (*RESULT, *_OTHER_FILES):
        if (new / name).exists():
            (new / name).rename(output / name)
    _remove(new)


def _remove(new: Path) -> None:
    """Delete the folder, its markers last, so that a kill leaves a folder that the next command knows as ours."""
    markers = {_OURS, _COMPLETE, _SWAPPING}
    for path in sorted(new.iterdir(), key=lambda path: path.name in markers):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    new.rmdir()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
