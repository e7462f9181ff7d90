"""`python -m pipelines.bigquery_emulator --warehouse FILE`: the loopback BigQuery as a process of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import WarehouseLocked
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.server import LoopbackBigQuery
from pipelines.bigquery_emulator.store.warehouse import MEMORY_MIB
from pipelines.process import hand_back_memory


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 when the warehouse or the fault script cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.bigquery_emulator", description=__doc__)
    parser.add_argument("--warehouse", type=Path, required=True, help="the DuckDB file, created when it is absent")
    parser.add_argument("--faults", type=Path, help="a fault script, YAML or JSON (docs/faults.md)")
    parser.add_argument("--address_file", type=Path, help="write the address here too, beside the one by the warehouse")
    parser.add_argument("--project", default="local", help="the project's name (default: %(default)s)")
    parser.add_argument(
        "--memory_mib", type=int, default=MEMORY_MIB, help="what DuckDB may hold (default: %(default)s)"
    )
    parser.add_argument("--until_eof", action="store_true", help="end when standard input ends: with its parent")
    args = parser.parse_args(argv)
    if args.memory_mib < 1:
        print(f"--memory_mib {args.memory_mib}: must be at least 1", file=sys.stderr)
        return 2
    hand_back_memory()
    ended = threading.Event()
    if args.until_eof:
        threading.Thread(target=_wait_for_eof, args=(ended,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        faults = FaultScript.load(args.faults) if args.faults else None
        server = LoopbackBigQuery(
            args.warehouse,
            faults=faults,
            project=args.project,
            address_file=args.address_file,
            memory_mib=args.memory_mib,
        )
    except (ValueError, WarehouseLocked, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    with server:
        print(f"REST {split_token(server.rest_url)[0]}  gRPC {split_token(server.grpc_target)[0]}", flush=True)
        while not ended.wait(1):
            pass
    return 0


def _wait_for_eof(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
