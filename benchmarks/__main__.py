"""`python -m benchmarks [--events N …] [--rounds R]`: the variants in turn, CPU seconds a million events, and ratios.

One seeded data set a size; every variant in a process of its own, one after the other, round by round; the median of
the rounds. Several sizes also give the exponent with which CPU grows. The same rows must come out of loop, Beam, local.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.variants import VARIANTS

BUILD = Path("build/bench")


def simulate(events: int, event_bytes: int) -> Path:
    """Make the data set of a size once."""
    folder = BUILD / f"input-{events}-{event_bytes}"
    if not (folder / "truth.json").exists():
        words = ["simulate", "--output", str(folder), "--events", str(events), "--seed", "9", "--overwrite"]
        words += ["--event_bytes", str(event_bytes), "--rate", "12"]
        subprocess.run([sys.executable, "-m", "pipelines", *words], check=True)
    return folder


def measure(name: str, source: Path) -> dict[str, float]:
    """Run one variant in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.variants", name, str(source), str(BUILD / "output")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {
        name: statistics.median(one[name] for one in rounds)
        for name in ("wall_seconds", "cpu_seconds", "peak_memory_mib", "rows")
    }


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope of log(seconds) over log(size) by least squares."""
    xs, ys = [math.log(size) for size in sizes], [math.log(value) for value in seconds]
    return statistics.linear_regression(xs, ys).slope


def show(events: int, figures: dict[str, dict[str, float]], console: Console) -> list[str]:
    """Print one size's table and return it as markdown lines."""
    base = figures.get("loop", {}).get("cpu_seconds")
    heads = ("variant", "CPU-s per million", "events per CPU-s", "wall s", "peak MiB", "of the loop")
    table = Table(title=f"{events:,} events", box=None)
    for head in heads:
        table.add_column(head, justify="left" if head == "variant" else "right")
    lines = [f"### {events:,} events", "", "| " + " | ".join(heads) + " |", "| --- " + "| ---: " * 5 + "|"]
    for name, one in figures.items():
        cells = (
            name,
            f"{one['cpu_seconds'] / events * 1e6:.1f}",
            f"{events / one['cpu_seconds']:,.0f}",
            f"{one['wall_seconds']:.1f}",
            f"{one['peak_memory_mib']:,.0f}",
            f"{base / one['cpu_seconds']:.2f}" if base else "",
        )
        table.add_row(*cells)
        lines.append("| " + " | ".join(cells) + " |")
    console.print(table)
    return [*lines, ""]


def main() -> int:
    """Run the benchmark; exit 1 where variants do not write the same number of rows."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], help="sizes, messages")
    parser.add_argument("--event_bytes", type=int, default=500, help="average size of an event, bytes")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a size")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), help="which to run")
    args = parser.parse_args()
    console, report, told = Console(), ["# Measured", ""], {}
    for events in args.events:
        source = simulate(events, args.event_bytes)
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in args.variants}
        for _ in range(args.rounds):
            for name in args.variants:
                rounds[name].append(measure(name, source))
        told[events] = {name: medians(found) for name, found in rounds.items()}
        report += show(events, told[events], console)
        rows = {one["rows"] for name, one in told[events].items() if name != "decoder"}
        if len(rows) > 1:
            console.print(f"the variants did not write the same rows: {sorted(rows)}")
            return 1
    if len(args.events) > 1:
        for name in args.variants:
            slope = exponent(args.events, [told[events][name]["cpu_seconds"] for events in args.events])
            report.append(f"{name}: CPU grows with the input to the power of {slope:.3f}")
            console.print(report[-1])
    (BUILD / "results.json").write_text(json.dumps(told, indent=2))
    (BUILD / "results.md").write_text("\n".join(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
