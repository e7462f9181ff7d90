"""`python -m benchmarks.replays [--events N …] [--rounds R]`: replays from the archive against `local` on the same messages.

`local` reads the simulated files; `backfill` the archive that `local` wrote, into an empty store; `shadow` the same beside
the live store; `rebuild` over it. Each in a process of its own, in turn. Printed: CPU and wall seconds, peak memory, and
how many events a CPU second there are for each of `local`'s. Several sizes show whether memory stays flat.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.inputs import data_set

BUILD = Path("build/bench")
ALL_TIME = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]
LIVE, EMPTY = BUILD / "replays" / "live", BUILD / "replays" / "empty"
VARIANTS = ("local", "backfill", "shadow", "rebuild")


def command(*words: str | Path) -> dict[str, float]:
    """Run one command of this project in a separate process; return its usage."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    stderr = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{stderr}")
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "wall_seconds": time.monotonic() - began,
        "peak_memory_mib": usage.ru_maxrss / 1024,
    }


def measure(name: str, source: Path) -> dict[str, float]:
    """Run one variant; each uses the output of `local`, the first."""
    if name == "local":
        return command("local", "--input", source, "--output", LIVE, "--overwrite")
    if name == "backfill":
        shutil.rmtree(EMPTY, ignore_errors=True)
        shutil.copytree(LIVE / "lake" / "archive", EMPTY / "lake" / "archive")
        command("provision", "--output", EMPTY)
        return command("replay", "--output", EMPTY, "--mode", "backfill", *ALL_TIME)
    into = ["--into", "bench_shadow"] if name == "shadow" else []
    return command("replay", "--output", LIVE, "--mode", name, *into, *ALL_TIME)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replays", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], help="sizes, messages")
    parser.add_argument("--event_bytes", type=int, default=500, help="average size of an event, bytes")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a size; the median counts")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="which, `local` first")
    args = parser.parse_args()
    results = {}
    for events in args.events:
        source = data_set(events, args.event_bytes, BUILD)
        rounds = [{name: measure(name, source) for name in args.variants} for _ in range(args.rounds)]
        results[events] = {
            name: {key: statistics.median(figures[name][key] for figures in rounds) for key in rounds[0][name]}
            for name in args.variants
        }
        table = Table(title=f"{events:,} messages", box=None)
        for head in ("variant", "CPU s", "wall s", "peak MiB", "CPU: local / variant", "wall: local / variant"):
            table.add_column(head, justify="left" if head == "variant" else "right")
        base = results[events][args.variants[0]]
        for name, figures in results[events].items():
            ratios = [f"{base[key] / figures[key]:.2f}" for key in ("cpu_seconds", "wall_seconds")]
            cells = [f"{figures[key]:,.1f}" for key in ("cpu_seconds", "wall_seconds")]
            table.add_row(name, *cells, f"{figures['peak_memory_mib']:,.0f}", *ratios)
        Console().print(table)
    (BUILD / "replays.json").write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
