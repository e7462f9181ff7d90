"""Run an emulator in a child process, as long as this process lives.

In one process a streaming run and the emulator would share one Python interpreter, which runs one thread at a time.
"""

import signal
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.bigquery_emulator.address_file import Address, WarehouseLocked, read_address
from pipelines.errors import RunFailed
from pipelines.runners.child_process import ChildProcess

START_SECONDS = 300.0
"""Seconds to wait for the addresses: the log of a large warehouse that was killed is replayed first."""
STOP_SECONDS = 60.0
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
        while True:
            try:
                self._child, address = _start(path, project)
                break
            except WarehouseLocked:
                if read_address(path.parent) is not None or time.monotonic() > limit:
                    raise
            time.sleep(0.2)
        self.rest_url, self.grpc_target, self.pid = address.rest_url, address.grpc_target, self._child.pid

    def close(self) -> None:
        """End the process after it has closed the file."""
        self._child.send_signal(signal.SIGCONT)  # a stopped process cannot close the file
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start(path: Path, project: str) -> tuple[ChildProcess, Address]:
    """Start the process; return it with its addresses. WarehouseLocked holds what it printed if it ends at once."""
    words = ["--database", str(path), "--project", project, "--memory_mib", str(MEMORY_MIB)]
    with tempfile.NamedTemporaryFile(prefix="bigquery-emulator-", suffix=".log") as log:
        child = ChildProcess(
            "the BigQuery emulator",
            [sys.executable, "-m", "pipelines.bigquery_emulator", *words],
            log=Path(log.name),
            stop_seconds=STOP_SECONDS,
        )
        addresses: list[Address] = []

        def answers() -> bool:
            address = read_address(path.parent)
            addresses[:] = [address] if address is not None and address.pid == child.pid else []
            return bool(addresses)

        try:
            child.wait_until(answers, START_SECONDS)
        except RunFailed as error:
            lines = Path(log.name).read_text("utf-8", "replace").split("\n")
            raise WarehouseLocked(next(filter(None, lines), str(error))) from None
    return child, addresses[0]
