"""Run an emulator in a child process, as long as this process lives.

In one process a streaming run and the emulator would share one Python interpreter, which runs one thread at a time. The
child ends when its standard input ends, so it also ends when the parent is killed.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.bigquery_emulator.address_file import WarehouseLocked, read_address

END_SECONDS = 60.0
MEMORY_MIB = 64
"""Memory of DuckDB during a streaming run while no query runs, in MiB: enough for appends, and constant once it is full.

Rows of tens of KiB and more get more (Warehouse.expect_large_rows)."""
LOCKED_SECONDS = 10.0
"""Seconds to wait until the emulator of a killed run has closed the file."""


class EmulatorProcess:
    """Run an emulator over a DuckDB file in a child process; `with` ends it.

    WarehouseLocked gives the reason when it cannot start.
    """

    def __init__(self, path: Path, project: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        limit = time.monotonic() + LOCKED_SECONDS
        while (output := self._start(path, project))[:1] != ["REST"]:
            self.close()
            if read_address(path.parent) is not None or time.monotonic() > limit:
                raise WarehouseLocked(" ".join(output) or "its BigQuery emulator did not start")
            time.sleep(0.2)
        address = read_address(path.parent)
        if address is None:
            self.close()
            raise WarehouseLocked("its BigQuery emulator ended at once")
        self.rest_url, self.grpc_target = address.rest_url, address.grpc_target
        assert self._process.stdout is not None
        threading.Thread(target=self._process.stdout.read, name="emulator-output", daemon=True).start()

    def _start(self, path: Path, project: str) -> list[str]:
        """Start the process; return the words of its first output line: its addresses or its error."""
        words = ["--database", str(path), "--project", project, "--memory_mib", str(MEMORY_MIB), "--until_eof"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.bigquery_emulator", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C goes to the parent, which drains and appends rows until its end
        )
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def close(self) -> None:
        """End the process after it has closed the file."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
