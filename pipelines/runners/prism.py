"""Prism, Beam's runner for one machine: find its program, and run it as a child process.

It is started here and not by Beam, so that a signal to our process group does not end the runner before it has drained.
"""

import os
import shutil
import socket
from pathlib import Path

from pipelines.errors import UserError
from pipelines.runners.child_process import ChildProcess

MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"
START_SECONDS = 30.0
JOB_SECONDS = 10 * 366 * 86_400
COLLECT_AT_PERCENT = "25"
"""Garbage that Prism may hold, in percent of what it needs, unless GOGC is set; Go's default is 100."""


def install_hint() -> str:
    """Return how to install Prism."""
    from apache_beam.version import __version__

    return f"go install {MODULE}@v{__version__}; it is found by --prism_location, PRISM, the PATH and in ~/go/bin"


def find_prism(location: str | None = None) -> Path | None:
    """Return Prism's program: the given place, PRISM, the PATH, Go's own folder, or what Beam downloaded before."""
    for given in (location, os.environ.get("PRISM")):
        if given:
            return Path(given) if Path(given).is_file() else None
    if found := shutil.which("prism"):
        return Path(found)
    folders = [Path(gopath) / "bin"] if (gopath := os.environ.get("GOPATH")) else []
    if (home := home_folder()) is not None:
        folders += [] if gopath else [home / "go" / "bin"]
        cache = home / ".apache_beam" / "cache" / "prism" / "bin"
        cached = sorted(cache.glob("apache_beam-v*-prism-*[!p]"))
    else:
        cached = []
    programs = [*(folder / "prism" for folder in folders), *reversed(cached)]
    return next((path for path in programs if path.is_file()), None)


def home_folder() -> Path | None:
    """Return the user's home folder; None without HOME and without an entry in the user database."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def need_prism(location: str | None = None) -> Path:
    """Return Prism's program; UserError, which says how to install it, if there is none."""
    found = find_prism(location)
    named = f"--prism_location {location}" if location else f"PRISM={os.environ.get('PRISM', '')}"
    if found is None and (location or os.environ.get("PRISM")):
        raise UserError(f"{named}: no such file; {install_hint()}")
    if found is None:
        raise UserError(f"Prism, the streaming runner, is not installed: {install_hint()}")
    return found


class Prism(ChildProcess):
    """A running Prism; `with` ends it.

    Args:
        program: Prism's program.
        log: file to which its output is appended.
    """

    def __init__(self, program: Path, log: Path) -> None:
        port = free_port()
        self.endpoint = f"127.0.0.1:{port}"
        flags = [f"--job_port={port}", "--serve_http=false", "--log_level=warn", "--idle_shutdown_timeout=5m"]
        super().__init__("Prism", [str(program), *flags], log=log, env=prism_environment())
        try:
            self.wait_until(lambda: listens(port), START_SECONDS)
        except UserError as error:
            raise UserError(f"{error}; {install_hint()}") from None


def prism_environment() -> dict[str, str]:
    """Return Prism's environment: ours, and when its garbage collector runs."""
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


def listens(port: int) -> bool:
    """Tell whether a server listens on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
