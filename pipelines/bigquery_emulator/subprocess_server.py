"""The BigQuery emulator in a process of its own beside this one, for as long as this one lives.

A live run's steps and the warehouse would share one Python, which runs one thread at a time. The child's standard input
is what ties it to us: it ends when that ends, also where we are killed.
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
"""What its DuckDB may hold beside a live run while no query runs: enough for appends, and soon full, so that it is flat."""
LOCKED_SECONDS = 10.0
"""How long the emulator of a run that was killed may take to let go of the file."""


class EmulatorProcess:
    """A running BigQuery emulator over a DuckDB file; `with` ends it. WarehouseLocked says why there is none."""

    def __init__(self, path: Path, project: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        limit = time.monotonic() + LOCKED_SECONDS
        while (said := self._start(path, project))[:1] != ["REST"]:
            self.close()
            if read_address(path.parent) is not None or time.monotonic() > limit:
                raise WarehouseLocked(" ".join(said) or "its BigQuery emulator did not start")
            time.sleep(0.2)
        address = read_address(path.parent)
        if address is None:
            self.close()
            raise WarehouseLocked("its BigQuery emulator ended at once")
        self.rest_url, self.grpc_target = address.rest_url, address.grpc_target
        assert self._process.stdout is not None
        threading.Thread(target=self._process.stdout.read, name="loopback-output", daemon=True).start()

    def _start(self, path: Path, project: str) -> list[str]:
        """Start the process; return the words that it says first: its addresses, or what is wrong."""
        words = ["--database", str(path), "--project", project, "--memory_mib", str(MEMORY_MIB), "--until_eof"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.bigquery_emulator", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is ours: it drains, and rows come until the end
        )
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def close(self) -> None:
        """Let it write the file whole and end."""
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
