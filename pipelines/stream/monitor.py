"""Watch what a streaming run depends on, and stop the run when one of them is gone.

A runner or a sink alone would retry for minutes: a BigQuery that does not answer is retried for the whole retry budget,
and then valid rows become dead letters. An emulator that was killed, or a full disk, does not come back by itself.
"""

import http.client
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import grpc
from apache_beam.runners.worker import sdk_worker

from pipelines.errors import RunFailed

CHECK_SECONDS = 1.0
STOP_SECONDS = 3.0
"""How long a run may take to end by itself after a reason was found."""
MIN_FREE_BYTES = 1 << 20
"""Less free space than this is a full disk: the warehouse and the archive can no longer write a block."""
ANSWER_SECONDS = 3.0
SILENT_SECONDS = 5.0
"""How long the BigQuery emulator may accept connections without answering; what the check asks needs no statement, so it
waits for none."""

T = TypeVar("T")
Check = Callable[[], str | None]
"""Returns why the run cannot go on, one line, or None."""


class Monitor:
    """Run checks once per second in a thread; `with` starts and ends it.

    Args:
        checks: in the order of precedence; the first reason counts.
        stop: called once, from the thread, when a check gives a reason. It must end the run.
    """

    def __init__(self, checks: Sequence[Check], stop: Callable[[], None]) -> None:
        self.reason: str | None = None
        self._checks, self._stop = list(checks), stop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="monitor", daemon=True)

    def check(self) -> str | None:
        """Run the checks now; return the first reason that any call has found."""
        for check in self._checks:
            self.reason = self.reason or check()
        return self.reason

    def watch(self, run: Callable[[], T]) -> T:
        """Return what a function returns or raise what it raises; raise RunFailed if it goes on after a reason.

        Beam waits without end for a runner that dies while a job is submitted. The function then stays behind in a thread.
        """
        outcome: Future[T] = Future()
        thread = threading.Thread(target=_fulfil, args=(outcome, run), name="run", daemon=True)
        thread.start()
        limit: float | None = None
        while thread.is_alive():
            thread.join(0.2)
            if limit is None and self.reason is not None:
                limit = time.monotonic() + STOP_SECONDS
            if limit is not None and time.monotonic() > limit:
                raise RunFailed(self.reason or "the run did not end")
        return outcome.result()

    def _loop(self) -> None:
        while not self._ended.wait(CHECK_SECONDS):
            if self.check() is not None:
                self._stop()
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(ANSWER_SECONDS + CHECK_SECONDS)


def _fulfil(outcome: "Future[T]", run: Callable[[], T]) -> None:
    try:
        outcome.set_result(run())
    except BaseException as error:  # raised again where the outcome is read
        outcome.set_exception(error)


class EmulatorCheck:
    """Whether the BigQuery emulator accepts connections and answers.

    Args:
        url: its REST address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = f"{parts.hostname}:{parts.port}"  # without the token, which may be part of the URL
        self._silent_since: float | None = None

    def __call__(self) -> str | None:
        asked = time.monotonic()
        connection = http.client.HTTPConnection(self._address, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()  # any status is an answer
        except (ConnectionRefusedError, ConnectionResetError):
            return f"the BigQuery emulator at {self._address} ended unexpectedly"
        except (OSError, http.client.HTTPException):
            self._silent_since = self._silent_since or asked
            if time.monotonic() - self._silent_since > SILENT_SECONDS:
                return f"the BigQuery emulator at {self._address} does not answer"
        else:
            self._silent_since = None
        finally:
            connection.close()
        return None


def disk_check(folder: Path) -> Check:
    """Return a check of the free space on the file system of a folder."""

    def check() -> str | None:
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return f"{folder} cannot be read: {error.strerror or type(error).__name__}"
        return f"the disk of {folder} is full" if free < MIN_FREE_BYTES else None

    return check


def silence_worker() -> None:
    """Print no traceback of a failed bundle or of a Beam thread without a runner: the run's failure is one line.

    A traceback may also hold payload text.
    """
    sdk_worker.print = lambda *_, **__: None  # it prints tracebacks past the log
    logging.getLogger().addFilter(lambda record: not record.pathname.endswith("portable_runner.py"))
    print_traceback = threading.excepthook

    def report(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, grpc.RpcError):
            print_traceback(args)

    threading.excepthook = report


def process_check(is_alive: Callable[[], bool], name: str, log: Path) -> Check:
    """Return a check that a child process runs; the reason names it and its log."""
    return lambda: None if is_alive() else f"{name} ended unexpectedly; see {log}"
