"""A private PostgreSQL for tests: a cluster in a temporary folder on a Unix socket and a loopback port with TLS."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support.tools import skip_or_fail

SETTINGS = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB", "max_connections": "60",
    "autovacuum": "off", "ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key",
    "ssl_min_protocol_version": "TLSv1.3", "log_min_messages": "warning",
}  # fmt: skip

_ENDS_WITH_PARENT = ("--pdeathsig", "INT")
"""A test process that is killed leaves no server behind: SIGINT is PostgreSQL's fast shutdown."""


@dataclass(frozen=True)
class Cluster:
    """A running server; `folder` holds the socket and `ca.crt`."""

    folder: Path
    port: int
    pid: int

    def url(self, database: str = "postgres", user: str = "owner", **parameters: str) -> str:
        """Return a URL over the Unix socket."""
        extra = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}{extra}"

    def tls_url(self, database: str, user: str, password: str, **parameters: str) -> str:
        """Return a URL over TCP."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}:{password}@localhost:{self.port}/{database}{f'?{query}' if query else ''}"

    def new_database(self) -> str:
        """Create an empty database and return its name."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return name


def postgres_folder() -> Path:
    """Return the folder of PostgreSQL's programs, or skip with the reason."""
    named = os.environ.get("POSTGRES_BIN")
    found = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    which = shutil.which("initdb")
    if which:
        return Path(which).resolve().parent
    skip_or_fail("PostgreSQL is not installed (nor named by POSTGRES_BIN): apt-get install postgresql")
    raise AssertionError


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server as a user that is not root, and stop it by its process id."""
    programs = postgres_folder()
    folder = Path(tempfile.mkdtemp(prefix="ep-pg-", dir="/tmp"))  # the path of a socket is limited to 107 bytes
    as_user = _as_user(folder)
    server = None
    try:
        _run([*as_user, programs / "initdb", "-D", folder / "data", "-U", "owner", "-A", "trust", "--no-sync",
              "-E", "UTF8", "--locale=C"])  # fmt: skip
        _certificates(folder, as_user)
        port = _free_port()
        settings = {
            **SETTINGS,
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
        }
        hba = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(hba)
        with (folder / "data" / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        log = (folder / "log").open("wb")
        server = subprocess.Popen(
            [*as_user, programs / "postgres", "-D", folder / "data"], stdout=log, stderr=log, start_new_session=True
        )
        pid = _wait(folder, server)
        yield Cluster(folder, port, pid)
    finally:
        if server is not None:
            _stop(folder, server)
        shutil.rmtree(folder, ignore_errors=True)


def _as_user(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return ["setpriv", *_ENDS_WITH_PARENT, "--"]
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError:
        skip_or_fail("there is no user postgres, and PostgreSQL does not run as root: apt-get install postgresql")
        raise AssertionError from None
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", *_ENDS_WITH_PARENT, "--"]


def _certificates(folder: Path, as_user: list[str]) -> None:
    from tests.support.certificates import write_certificates

    data = folder / "data"
    write_certificates(folder, data / "server.crt", data / "server.key")
    if as_user:
        owner = pwd.getpwnam("postgres")
        for name in ("server.crt", "server.key"):
            os.chown(data / name, owner.pw_uid, owner.pw_gid)


def _wait(folder: Path, server: "subprocess.Popen[bytes]") -> int:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        file = folder / "data" / "postmaster.pid"
        if server.poll() is not None:
            raise RuntimeError((folder / "log").read_text()[-2000:])
        if file.exists() and (lines := file.read_text().splitlines()) and len(lines) > 7 and "ready" in lines[7]:
            return int(lines[0])
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not start within 60 s")


def _stop(folder: Path, server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: list[object]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
