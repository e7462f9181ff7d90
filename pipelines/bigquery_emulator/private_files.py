"""Keep files of an emulator private: mode 0600 for files, 0700 for folders.

DuckDB makes its files by itself, and its log again after each checkpoint, so a mode cannot be set file by file. The process's
umask is what they all follow. It is narrowed while an emulator of this process is open or this process holds an output
folder (pipelines/stores/folder_lock.py), and put back after the last one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PRIVATE = 0o077
_lock = threading.Lock()
_open = 0
_before = 0


def begin() -> None:
    """Set the umask to private files until `end` has been called as often as `begin`."""
    global _open, _before
    with _lock:
        found = os.umask(_PRIVATE)
        if _open == 0:
            _before = found
        _open += 1


def end() -> None:
    """Restore the umask after the last `end`."""
    global _open
    with _lock:
        _open -= 1
        if _open == 0:
            os.umask(_before)


@contextmanager
def private() -> Iterator[None]:
    """Create files with mode 0600 and folders with 0700 while the block runs."""
    begin()
    try:
        yield
    finally:
        end()


def restrict(path: Path) -> None:
    """Set the mode of an existing file to 0600; ignore a missing file and one of another user."""
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(0o600)
