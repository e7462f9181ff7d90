"""Keep what an emulator writes from other users: files of mode 0600, folders of mode 0700.

DuckDB makes its files by itself, the log anew after each checkpoint, so a mode cannot be set file by file. The process's
umask is what they all follow. It is narrowed while an emulator of this process is open, and put back after the last one.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

_PRIVATE = 0o077
_lock = threading.Lock()
_open = 0
_before = 0


def begin() -> None:
    """Let this process make private files only, until `end` was called as often as this."""
    global _open, _before
    with _lock:
        found = os.umask(_PRIVATE)
        if _open == 0:
            _before = found
        _open += 1


def end() -> None:
    """Put the umask back when nothing of this process needs private files any more."""
    global _open
    with _lock:
        _open -= 1
        if _open == 0:
            os.umask(_before)


def restrict(path: Path) -> None:
    """Take a file that is there already from other users; one that is absent or another user's is left alone."""
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(0o600)
