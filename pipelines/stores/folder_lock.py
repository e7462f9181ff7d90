"""One writer per output folder: a lock file that names who writes.

`DIR/.lock` is created by a command that writes and removed when it ends. The kernel holds the lock (`flock`), so that
a killed process cannot leave a folder locked; the text in the file names the owner for the message, and is what a
machine goes by whose kernel does not share locks with the owner's (a network file system). Commands that only read take
no lock. The file descriptor is not inherited by child processes. While a folder is held, what this process creates is
private: files have mode 0600, folders 0700.
"""

import errno
import fcntl
import getpass
import json
import os
import platform
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.bigquery_emulator import private_files
from pipelines.errors import UserError

LOCK_NAME = ".lock"
WAIT_SECONDS = 0.5
"""How long a lock may be held before the command is rejected: its owner may be about to end."""
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


@dataclass(frozen=True)
class Owner:
    """The process that holds a folder, or held it until it was killed."""

    command: str
    pid: int
    host: str
    user: str
    started: str
    """RFC 3339, UTC, seconds."""

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.pid} of {self.user} on {self.host}, since {self.started})"

    @property
    def alive(self) -> bool:
        """Whether the process exists, as far as this host can tell."""
        if self.host != platform.node():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def this_process(command: str) -> Owner:
    """Return this process as the owner of what it writes."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        user = str(os.getuid())
    return Owner(command, os.getpid(), platform.node(), user, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


@contextmanager
def lock_folder(folder: Path | None, command: str) -> Iterator[Owner | None]:
    """Hold a folder for writing while the block runs; yield the owner that a kill left behind, if any.

    Args:
        folder: the output folder in any spelling; it is created when absent. None (stores in the cloud): no lock.
        command: the name of the command, for the message that another command gets.

    Raises:
        UserError: another process writes to the folder, or the folder cannot be written to.
    """
    if folder is None:
        yield None
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _unwritable(folder, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    with private_files.private():
        yield from _locked(folder, command)


def _locked(folder: Path, command: str) -> Iterator[Owner | None]:
    created = not folder.exists()
    path = folder.resolve() / LOCK_NAME
    try:
        folder.mkdir(exist_ok=True)
        descriptor, left = _acquire(path, folder, command)
    except OSError as error:
        raise _unwritable(folder, error) from None
    mine = os.getpid()
    try:
        yield left
    finally:
        if os.getpid() == mine:  # a forked child leaves the parent's lock alone
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)
            if created:
                with suppress(OSError):  # removed only when nothing was written
                    folder.rmdir()


def _unwritable(folder: Path, error: OSError) -> UserError:
    if isinstance(error, FileExistsError):
        return UserError(f"--output {folder}: is a file, a folder is needed")
    return UserError(f"--output {folder}: cannot be written to ({error.strerror})")


def folder_owner(folder: Path) -> Owner | None:
    """Return the living process that writes to a folder, without taking the lock; None when nobody does."""
    try:
        descriptor = os.open(folder.resolve() / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        owner = _read(descriptor)
        if _try_lock(descriptor) and owner is not None and owner.host == platform.node():
            return None  # nobody holds it: a killed process left the file
        return owner
    finally:
        os.close(descriptor)


def _acquire(path: Path, folder: Path, command: str) -> tuple[int, Owner | None]:
    """Lock the file and write our name into it; return the descriptor and a killed owner."""
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            locked, left = _try_lock(descriptor), _read(descriptor)
            if not locked:
                if time.monotonic() < limit:
                    os.close(descriptor)
                    time.sleep(0.05)
                    continue
                who = f"in use by {left}" if left else "in use by another process"
                raise UserError(f"--output {folder}: {who}; wait until it ends")
            if not _is(descriptor, path):  # its owner removed it between our open and our lock
                os.close(descriptor)
                continue
            if left is not None and left.host != platform.node():
                raise UserError(
                    f"--output {folder}: locked by {left}; if that process has ended, remove the lock:"
                    f" rm {shlex.quote(str(path))}"
                )
            if left is not None and left.alive and not _kernel_locks(descriptor):
                raise UserError(f"--output {folder}: in use by {left}; wait until it ends")
            _write(descriptor, this_process(command))
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
        return descriptor, left


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD  # without kernel locks the text alone decides
    return True


def _kernel_locks(descriptor: int) -> bool:
    """Tell whether the file system has locks at all; the caller holds the lock, so this never waits."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None  # empty: its owner is about to write it, or was killed before


def _write(descriptor: int, owner: Owner) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, (json.dumps(asdict(owner)) + "\n").encode(), 0)
