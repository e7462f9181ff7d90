"""The address file: where a running loopback BigQuery tells others on the machine that it holds a warehouse."""

from __future__ import annotations

import datetime
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "warehouse.address.json"


class WarehouseLocked(RuntimeError):
    """Another process holds the warehouse file."""


@dataclass(frozen=True)
class Address:
    """Where a loopback BigQuery answers: REST URL, gRPC target, its process and its start (UTC)."""

    rest: str
    grpc: str
    pid: int
    started: str

    def alive(self) -> bool:
        """Say whether the process exists and its gRPC port takes connections."""
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


def write_address(path: Path, rest: str, grpc: str) -> Path:
    """Write the address file of this process, whole at once; return its path."""
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(json.dumps(asdict(Address(rest, grpc, os.getpid(), started))) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def read_address(folder: Path) -> Address | None:
    """Return the live address in a folder; a stale file is removed."""
    path = folder / FILE_NAME
    try:
        address = Address(**json.loads(path.read_text(encoding="utf-8")))
        if address.alive():
            return address
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        pass  # not an address file: as good as stale
    path.unlink(missing_ok=True)
    return None
