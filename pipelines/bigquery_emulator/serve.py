"""The options of an emulator that runs as a process of its own, and that process from start to end."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import WarehouseLocked
from pipelines.bigquery_emulator.memory import DUCKDB_MIB, hand_back_memory


class OptionError(ValueError):
    """An option with a value that cannot be used; the message names both."""


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """The options that add_arguments adds, as parsed."""

    database: Path
    port: int
    grpc_port: int
    project: str
    faults: Path | None
    load_folder: Sequence[Path]
    address_file: Path | None
    memory_mib: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an emulator."""
    parser.add_argument(
        "--database", "--warehouse", dest="database", type=Path, required=True, metavar="FILE",
        help="DuckDB file that holds the tables; created when it is absent",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of the REST API; 0 is a free one")
    parser.add_argument(
        "--grpc_port", type=int, default=0, metavar="N",
        help="port of the Storage Read and Write APIs; 0 is a free one",
    )  # fmt: skip
    parser.add_argument("--project", default="local", metavar="P", help="project id to serve")
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="fault script, YAML or JSON: the errors to answer with"
    )
    parser.add_argument(
        "--load_folder", type=Path, action="append", default=[], metavar="DIR",
        help="folder that load jobs may read besides the database's own; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--address_file", type=Path, metavar="FILE",
        help="write address and token to this file (mode 0600) besides warehouse.address.json next to the database",
    )  # fmt: skip
    parser.add_argument(
        "--memory_mib", type=int, default=DUCKDB_MIB, metavar="N",
        help="memory of DuckDB while no query runs, in MiB",
    )  # fmt: skip


def serve(options: EmulatorOptions, announce: Callable[[str, str], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `announce` with REST URL and gRPC target, both with their token.

    OptionError when an option, the fault script or the database cannot be used.
    """
    _check(options)
    ended = threading.Event()
    hand_back_memory()
    from pipelines.bigquery_emulator.faults.script import FaultScript
    from pipelines.bigquery_emulator.server import BigQueryEmulator

    try:
        server = BigQueryEmulator(
            options.database,
            faults=FaultScript.load(options.faults) if options.faults else None,
            project=options.project,
            address_file=options.address_file,
            memory_mib=options.memory_mib,
            port=options.port,
            grpc_port=options.grpc_port,
            load_folders=options.load_folder,
        )
    except WarehouseLocked as error:
        raise OptionError(f"--database {options.database}: {error}") from None
    except RuntimeError as error:  # gRPC's, for a port
        raise OptionError(f"--grpc_port {options.grpc_port}: the port is in use ({error})") from None
    except OSError as error:
        where = f"--port {options.port}: the port is in use" if error.errno == errno.EADDRINUSE else str(error)
        raise OptionError(where) from None
    except ValueError as error:
        raise OptionError(str(error)) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with server:
        announce(server.rest_url, server.grpc_target)
        while not ended.wait(1):
            if server.failed:
                os._exit(1)  # closing would fail too; the log is replayed when the file is opened again


def announce_addresses(rest_url: str, grpc_target: str) -> None:
    """Print the addresses without their token, in one line that a parent process reads."""
    print(f"REST {split_token(rest_url)[0]}  gRPC {split_token(grpc_target)[0]}", flush=True)


def _check(options: EmulatorOptions) -> None:
    for option, port in (("port", options.port), ("grpc_port", options.grpc_port)):
        if not 0 <= port <= 65535:
            raise OptionError(f"--{option} {port}: must be 0 to 65535")
    if options.port and options.port == options.grpc_port:
        raise OptionError(f"--grpc_port {options.grpc_port}: is the port of the REST API too; give two ports")
    if options.memory_mib < 1:
        raise OptionError(f"--memory_mib {options.memory_mib}: must be at least 1")
    if options.database.is_dir():
        raise OptionError(f"--database {options.database}: is a folder; give a file")
    if "?" in str(options.database):
        raise OptionError(f"--database {options.database}: DuckDB keeps no database in a path with a question mark")
    for folder in options.load_folder:
        if not folder.is_dir():
            raise OptionError(f"--load_folder {folder}: there is no such folder")
