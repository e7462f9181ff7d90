"""`python -m benchmarks [--events N …] [--rounds R] [--variants …]`: run the same work with every variant and print ratios.

One seeded data set a size; every variant in a process of its own, one after the other, round by round; the median of
the rounds. What each writes is compared with what the first wrote, row by row (digest.py); a difference is exit 1.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import page, report
from benchmarks.digest import Digest, differences, digests
from benchmarks.inputs import data_set
from benchmarks.usage import run
from benchmarks.variants import VARIANTS, Variant, python_of

BUILD = Path("build/bench")
WARM_EVENTS = 1_000
"""What each variant does once before it is measured, so that its modules are compiled and its files are in memory."""
REWRITTEN = {variant.rewrites for variant in VARIANTS.values()}
Wrote = dict[frozenset[str], dict[str, Digest]]


class Failed(Exception):
    """A variant failed."""


def measure(variant: Variant, source: Path, build: Path) -> tuple[dict[str, float], Wrote]:
    """Run one variant in a separate process; return its figures and digests of what it wrote."""
    output, log = build / "output", build / "output.log"
    python = python_of(variant, sys.executable)
    assert python is not None
    used = run([python, "-m", "benchmarks.variants", variant.name, str(source), str(output)], log)
    if used.code:
        raise Failed(f"{variant.name} ended with {used.code}; the end of {log}:\n{used.output[-2000:]}")
    timing = json.loads(next(line for line in reversed(used.output.splitlines()) if line.startswith('{"start_cpu"')))
    figures = {
        "cpu_seconds": used.cpu_seconds - timing["start_cpu"],
        "start_seconds": timing["start_cpu"],
        "wall_seconds": timing["work_wall"],
        "peak_mib": used.peak_mib,
    }
    wrote = {without: digests(output, without) for without in REWRITTEN}
    shutil.rmtree(output, ignore_errors=True)
    return figures, wrote


def measure_all(names: list[str], sizes: list[int], rounds: int, event_bytes: int, build: Path) -> report.Results:
    """Measure every variant at every size, round by round; variants that are not installed are skipped with the reason."""
    results = report.Results(rounds, event_bytes)
    for name in names:
        if python_of(VARIANTS[name], sys.executable) is None:
            results.skipped[name] = f"{VARIANTS[name].extra} is not installed: make bench-extras"
    named = [name for name in names if name not in results.skipped]
    warm = data_set(WARM_EVENTS, event_bytes, build)
    for name in named:
        measure(VARIANTS[name], warm, build)
    for events in sizes:
        source = data_set(events, event_bytes, build)
        for number in range(rounds):
            for name in named:
                figures, wrote = measure(VARIANTS[name], source, build)
                print(f"round {number + 1}: {name}: {figures['cpu_seconds']:.1f} CPU-s", file=sys.stderr, flush=True)
                results.add(events, name, figures)
                rewrites, first = VARIANTS[name].rewrites, results.wrote.setdefault(events, wrote)
                if different := differences(wrote[rewrites], first[rewrites]):
                    results.different[name] = different
    return results


def main() -> int:
    """Run the benchmark; exit 1 if variants do not write the same rows, 2 if one fails."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog=f"NAME is one of: {'; '.join(VARIANTS)}",
    )
    usual = [name for name, variant in VARIANTS.items() if not variant.asked]
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], metavar="N", help="sizes, messages")
    parser.add_argument("--event_bytes", type=int, default=500, help="average size of an event, bytes")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a size")
    parser.add_argument(
        "--variants", nargs="+", choices=list(VARIANTS), default=usual, metavar="NAME", help="which to run"
    )
    parser.add_argument("--build", type=Path, default=BUILD, metavar="DIR", help="folder for inputs and results")
    parser.add_argument("--put", metavar="MARK", help=page.HELP)
    args = parser.parse_args()
    try:
        results = measure_all(args.variants, args.events, args.rounds, args.event_bytes, args.build)
    except Failed as error:
        print(error, file=sys.stderr)
        return 2
    report.show(results, Console())
    (args.build / "results.json").write_text(json.dumps(report.as_json(results), indent=2) + "\n")
    (args.build / "results.md").write_text(f"Machine: {report.machine()}.\n\n{report.as_markdown(results)}")
    if args.put:
        page.put(args.put, report.as_markdown(results))
    return 1 if results.different else 0


if __name__ == "__main__":
    sys.exit(main())
