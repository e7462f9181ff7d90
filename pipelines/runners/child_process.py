"""The life of a child process: start, wait until it is ready, watch, stop. One class for every server that we start.

A child is a session of its own, so that Ctrl-C reaches this process alone, which decides when the child ends. It ends
when this process ends, however that happens: Linux sends it SIGTERM when the thread that started it is gone
(`PR_SET_PDEATHSIG`), so start it from a thread that lives as long as the child is needed.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.errors import RunFailed, UserError

CANNOT_EXECUTE = 126
"""The exit code of a program that cannot be executed, as shells have it."""
_POLL_SECONDS = 0.05
# Runs in the child and becomes the program: a function between fork and exec is not safe in a process with threads.
_EXEC = f"""
import os, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 15)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    print(f"{{sys.argv[2]}}: {{error.strerror}}", file=sys.stderr, flush=True)
    os._exit({CANNOT_EXECUTE})
"""


class ChildProcess:
    """A running child process; `with` stops it.

    Args:
        name: what errors call it, such as `Prism`.
        command: the program and its arguments.
        log: file to which its output is appended; None discards it.
        env: its environment; None is this process's.
        stop_signal: what asks it to end.
        stop_seconds: how long it may take to end before it is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        stop_signal: int = signal.SIGTERM,
        stop_seconds: float = 5.0,
    ) -> None:
        self.name, self.log = name, log
        self._program = command[0]
        self._stop_signal, self._stop_seconds = stop_signal, stop_seconds
        with (log or Path(os.devnull)).open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _EXEC, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if env is None else dict(env),
            )
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._process.poll()

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self.returncode is None

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone, not to its children."""
        if self.returncode is None:
            self._process.send_signal(number)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`; otherwise stop the process and raise RunFailed, which names the log.

        UserError if the program cannot be executed.
        """
        limit = time.monotonic() + seconds
        try:
            while not ready():
                if self.returncode == CANNOT_EXECUTE:
                    raise UserError(f"{self._program}: is not a program that can be executed as {self.name}")
                if self.returncode is not None:
                    raise RunFailed(f"{self.name} ended with {self.returncode} at its start{self._see_log()}")
                if time.monotonic() > limit:
                    raise RunFailed(f"{self.name} did not start within {seconds:.0f} s{self._see_log()}")
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self.stop()
            raise

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end; return the exit code, None if it still runs after `seconds`."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def stop(self) -> None:
        """Ask the process to end and wait; kill what is left of it and of its own children. A second call does nothing."""
        if self.returncode is None:
            self._signal(self._stop_signal)
            try:
                self.wait(self._stop_seconds)
            finally:
                self._signal(signal.SIGKILL)
                self._process.wait()
        else:
            self._signal(signal.SIGKILL)  # its children

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except OSError as error:
            if error.errno not in (errno.ESRCH, errno.EPERM):
                raise

    def _see_log(self) -> str:
        return f"; see {self.log}" if self.log is not None else ""
