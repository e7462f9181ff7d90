"""Cost of sagas: `python -m benchmarks.sagas state [--sagas N]` and `... batch INPUT OUTPUT`. Prints one JSON line.

`state`: open sagas of three facts in shards as a stream holds them: bytes a saga in the runner's state, bytes a saga in
memory, and seconds to rebuild all from the state. `batch`: CPU seconds of `local` over INPUT with and without sagas.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.cli.main import main
from schemas.saga.facts import SagaFact
from schemas.saga.reducer import DEFAULT_TIMEOUT_US
from transforms.gc_pause import collector_paused
from transforms.sagas.columns import OrderFacts, shard_of
from transforms.sagas.shard import SagaShard
from transforms.sagas.stream import DEFAULT_RETENTION_US

SHARDS = 2
ORDERS_A_BUNDLE = 10_000
START_US = 1_781_524_200_000_000
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("order.created", {}),
    ("inventory.reserved", {"sku": "SKU-00017", "reservation_id": "res-0000001234", "quantity": 2}),
    ("payment.processed", {"payment_id": "pay-ord-0000001234"}),
]


def facts_of(number: int, step: int) -> OrderFacts:
    """Return one step of an order; its ids are as long and as random as real ones."""
    event_type, fields = STEPS[step]
    at = START_US + number * 200 + step * 60_000_000
    event_id, flow = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {what}")) for what in (step, "flow"))
    return OrderFacts(f"ord-{number:010d}", [SagaFact(at, event_id, event_type, None, flow, **fields)], [at])


def bundles(sagas: int) -> Iterator[list[OrderFacts]]:
    """Yield all facts as bundles: every order's first step, then the second, then the third."""
    for step in range(len(STEPS)):
        for start in range(0, sagas, ORDERS_A_BUNDLE):
            yield [facts_of(number, step) for number in range(start, min(sagas, start + ORDERS_A_BUNDLE))]


def state(sagas: int) -> dict[str, float]:
    """Hold open sagas and measure their size."""
    gc.collect()
    before = resident()
    shards = [SagaShard(DEFAULT_TIMEOUT_US, DEFAULT_RETENTION_US) for _ in range(SHARDS)]
    logs: list[list[bytes]] = [[] for _ in range(SHARDS)]
    spent = 0.0
    for bundle in bundles(sagas):
        for number, shard in enumerate(shards):
            mine = [fact for fact in bundle if shard_of(fact.order_id, SHARDS) == number]
            began = time.process_time()
            with collector_paused():
                logs[number].append(shard.add_facts(mine).log)
            if shard.wants_snapshot:
                logs[number] = list(shard.snapshot())
            spent += time.process_time() - began
    held = sum(map(len, shards))
    in_log = sum(len(chunk) for log in logs for chunk in log)
    gc.collect()
    memory = resident() - before - in_log
    del shards
    again = time.process_time()
    rebuilt = [SagaShard(DEFAULT_TIMEOUT_US, DEFAULT_RETENTION_US, log) for log in logs]
    again = time.process_time() - again
    assert held == sum(map(len, rebuilt)) == sagas
    return {
        "sagas": sagas,
        "state_bytes_a_saga": round(in_log / sagas, 1),
        "memory_bytes_a_saga": round(memory / sagas, 1),
        "memory_mib": round(memory / 2**20, 1),
        "absorb_us_a_fact": round(1e6 * spent / sagas / len(STEPS), 2),
        "rebuild_seconds": round(again, 2),
    }


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def batch(source: str, output: Path, runs: int) -> dict[str, float]:
    """Run `local` with and without sagas in separate processes, in turn; use the minimum of each."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(runs):
        for sagas in (True, False):
            words = [sys.executable, "-m", "benchmarks.sagas", "once", source, str(output), *(["--sagas"] * sagas)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            spent[sagas].append(float(done.stdout.splitlines()[-1]))
    with_sagas, without = min(spent[True]), min(spent[False])
    return {
        "cpu_seconds_with": round(with_sagas, 2),
        "cpu_seconds_without": round(without, 2),
        "sagas_add_percent": round(100 * (with_sagas / without - 1), 1),
    }


def once(source: str, output: Path, sagas: bool) -> float:
    """Return the CPU seconds of one `local`, without imports."""
    from pipelines import batch as graph
    from transforms.sagas.batch import TrackedSagas

    class NoSagas(graph.TrackSagas):
        def expand(self, pcoll: Any) -> TrackedSagas:
            import apache_beam as beam

            none = pcoll.pipeline | beam.Create([], reshuffle=False)
            return TrackedSagas(none, none, none)

    if not sagas:
        graph.TrackSagas = NoSagas
    began = cpu()
    code = main(["local", "--input", source, "--output", str(output), "--overwrite"])
    if code:
        raise SystemExit(code)
    return cpu() - began


def cpu() -> float:
    """Return CPU seconds of this process and its children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sagas", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    state_parser = commands.add_parser("state", help="measure the size of open sagas")
    state_parser.add_argument("--sagas", type=int, default=1_000_000, help="number of sagas (default: %(default)s)")
    two = commands.add_parser("batch", help="CPU of `local` with and without sagas")
    three = commands.add_parser("once", help="one run of `batch`")
    for command in (two, three):
        command.add_argument("input", help="a folder of messages")
        command.add_argument("output", type=Path, help="a folder that is overwritten")
    two.add_argument("--runs", type=int, default=2, help="runs of each (default: %(default)s)")
    three.add_argument("--sagas", action="store_true", help="with sagas")
    args = parser.parse_args()
    if args.command == "state":
        print(json.dumps(state(args.sagas)))
    elif args.command == "batch":
        print(json.dumps(batch(args.input, args.output, args.runs)))
    else:
        print(once(args.input, args.output, args.sagas))
