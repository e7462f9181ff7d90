"""The options of an emulator that runs as a process of its own, and that process from start to end."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import WarehouseLocked
from pipelines.bigquery_emulator.memory import DUCKDB_MIB, hand_back_memory


class OptionError(ValueError):
    """An option with a value that cannot be used; the message names both."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an emulator."""
    parser.add_argument(
        "--database", "--warehouse", dest="database", type=Path, required=True, metavar="FILE",
        help="DuckDB file that holds the tables; created when it is absent",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port of the REST API; 0 is a free one (default: 0)"
    )
    parser.add_argument(
        "--grpc_port", type=int, default=0, metavar="N",
        help="port of the Storage Read and Write APIs; 0 is a free one (default: 0)",
    )  # fmt: skip
    parser.add_argument("--project", default="local", metavar="P", help="project id to serve (default: local)")
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
        help=f"memory of DuckDB while no query runs, in MiB (default: {DUCKDB_MIB})",
    )  # fmt: skip


def serve(args: argparse.Namespace, announce: Callable[[str, str], None], ended: threading.Event | None = None) -> None:
    """Serve until SIGTERM, SIGINT or `ended`; call `announce` with REST URL and gRPC target, both with their token.

    OptionError when an option, the fault script or the database cannot be used.
    """
    _check(args)
    ended = ended or threading.Event()
    hand_back_memory()
    from pipelines.bigquery_emulator.faults.script import FaultScript
    from pipelines.bigquery_emulator.server import BigQueryEmulator

    try:
        server = BigQueryEmulator(
            args.database,
            faults=FaultScript.load(args.faults) if args.faults else None,
            project=args.project,
            address_file=args.address_file,
            memory_mib=args.memory_mib,
            port=args.port,
            grpc_port=args.grpc_port,
            load_folders=args.load_folder,
        )
    except WarehouseLocked as error:
        raise OptionError(f"--database {args.database}: {error}") from None
    except RuntimeError as error:  # gRPC's, for a port
        raise OptionError(f"--grpc_port {args.grpc_port}: the port is in use ({error})") from None
    except OSError as error:
        where = f"--port {args.port}: the port is in use" if error.errno == errno.EADDRINUSE else str(error)
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


def end_with_standard_input() -> threading.Event:
    """Return an event that is set when standard input ends: with the parent process."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=wait, name="standard-input", daemon=True).start()
    return ended


def _check(args: argparse.Namespace) -> None:
    for option in ("port", "grpc_port"):
        if not 0 <= getattr(args, option) <= 65535:
            raise OptionError(f"--{option} {getattr(args, option)}: must be 0 to 65535")
    if args.port and args.port == args.grpc_port:
        raise OptionError(f"--grpc_port {args.grpc_port}: is the port of the REST API too; give two ports")
    if args.memory_mib < 1:
        raise OptionError(f"--memory_mib {args.memory_mib}: must be at least 1")
    if args.database.is_dir():
        raise OptionError(f"--database {args.database}: is a folder; give a file")
    if "?" in str(args.database):
        raise OptionError(f"--database {args.database}: DuckDB keeps no database in a path with a question mark")
    for folder in args.load_folder:
        if not folder.is_dir():
            raise OptionError(f"--load_folder {folder}: there is no such folder")
