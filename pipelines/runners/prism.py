"""Prism, Beam's runner for one machine: where its program is, and one run of it as a process of ours.

Started here and not by Beam, so that a signal to our process group does not end the runner before it has drained.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.errors import RunFailed, UserError

MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"
START_SECONDS = 30.0
JOB_SECONDS = 10 * 366 * 86_400
COLLECT_AT_PERCENT = "25"
"""How much more than it needs Prism may hold, unless GOGC says another; Go's own figure is 100."""


def install_hint() -> str:
    """Say how to get Prism."""
    from apache_beam.version import __version__

    return f"go install {MODULE}@v{__version__}, then name it by --prism_location, PRISM or the PATH (~/go/bin is seen)"


def find_prism(location: str | None = None) -> Path | None:
    """Return Prism's program: the given place, PRISM, the PATH, Go's own folder, or what Beam downloaded before."""
    for given in (location, os.environ.get("PRISM")):
        if given:
            return Path(given) if Path(given).is_file() else None
    if found := shutil.which("prism"):
        return Path(found)
    gopath = Path(os.environ.get("GOPATH") or Path.home() / "go")
    cached = sorted((Path.home() / ".apache_beam" / "cache" / "prism" / "bin").glob("apache_beam-v*-prism-*[!p]"))
    return next((path for path in (gopath / "bin" / "prism", *reversed(cached)) if path.is_file()), None)


def need_prism(location: str | None = None) -> Path:
    """Return Prism's program; UserError, which says how to get it, where it is not found."""
    found = find_prism(location)
    if found is None:
        given = f"--prism_location {location}: no such file. " if location else ""
        raise UserError(f"{given}Prism, the streaming runner, is not installed: {install_hint()}")
    return found


class Prism:
    """A running Prism; `with` ends it."""

    def __init__(self, program: Path, log: Path) -> None:
        port = free_port()
        self.endpoint = f"127.0.0.1:{port}"
        with log.open("ab") as out:
            flags = [f"--job_port={port}", "--serve_http=false", "--log_level=warn", "--idle_shutdown_timeout=5m"]
            try:
                self._process = subprocess.Popen(
                    [str(program), *flags],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=prism_environment(),
                )
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise UserError(f"{program}: is not Prism's program ({reason}); {install_hint()}") from None
        self.pid = self._process.pid
        limit = time.monotonic() + START_SECONDS
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise RunFailed(f"Prism did not start; see {log}")
            time.sleep(0.05)

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def prism_environment() -> dict[str, str]:
    """Return what Prism finds in its environment: ours, and when to collect."""
    return {"GOGC": COLLECT_AT_PERCENT, **os.environ}


def prism_flags(endpoint: str) -> list[str]:
    """Return the options of a pipeline that runs on this Prism, its worker in this process.

    The state cache is off: it weighs every value by walking all modules, 2-3 ms a call. Splits are off: Prism 2.77
    splits slow bundles of stateful steps too and forgets that their keys are in progress, so two bundles of one key
    run at once and the state of one is lost (docs/decisions/0004). Beam's client gives the streams of a job's state and
    messages the deadline of a call to the job server, 300 s by default: after that the run would be over.
    """
    return [
        f"--job_endpoint={endpoint}",
        f"--job_server_timeout={JOB_SECONDS}",
        "--environment_type=LOOPBACK",
        "--streaming",
        "--max_cache_memory_usage_mb=0",
        "--experiments=prism_disable_sdf_split",
    ]


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
