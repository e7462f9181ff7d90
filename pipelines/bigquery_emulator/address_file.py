"""Read and write the address file, in which a running emulator publishes its address and token.

It holds the token, so only its owner may read it. A file of another user is ignored.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipelines.bigquery_emulator.access_token import with_token

FILE_NAME = "warehouse.address.json"


class WarehouseLocked(RuntimeError):
    """Another process holds the warehouse file."""


@dataclass(frozen=True)
class Address:
    """Where an emulator answers: REST URL, gRPC target, its process, its start (UTC) and its token."""

    rest: str
    grpc: str
    pid: int
    started: str
    token: str = ""

    @property
    def rest_url(self) -> str:
        """The REST URL with the token, as `bigquery_client` and BIGQUERY_EMULATOR_HOST take it."""
        return with_token(self.rest, self.token)

    @property
    def grpc_target(self) -> str:
        """The gRPC target with the token, as `grpc_channel` takes it."""
        return with_token(self.grpc, self.token)

    def alive(self) -> bool:
        """Report whether the process exists and its gRPC port takes connections."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        host, _, port = self.grpc.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError:
            return False
        return True


def write_address(path: Path, rest: str, grpc: str, token: str) -> Path:
    """Write the address file of this process with mode 0600, whole at once; return its path."""
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = json.dumps(asdict(Address(rest, grpc, os.getpid(), started, token))) + "\n"
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
    return path


def read_address(folder: Path) -> Address | None:
    """Return the live address in a folder; a stale file is removed."""
    path = folder / FILE_NAME
    try:
        if path.stat().st_uid != os.getuid():
            return None  # another user's: do not send it rows, do not remove it
        known = {field.name for field in fields(Address)}
        content = json.loads(path.read_text(encoding="utf-8"))
        address = Address(**{key: value for key, value in content.items() if key in known})
        if address.alive():
            return address
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError):
        pass  # not an address file
    path.unlink(missing_ok=True)
    return None
