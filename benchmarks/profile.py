"""`python -m benchmarks.profile [VARIANT]`: CPU time by step: py-spy samples of one variant.

A sample belongs to the innermost module of this project on its stack, with all that the module calls: Arrow, pydantic,
DuckDB. Samples without such a module belong to Beam or the clients; imports are counted separately, and threads that wait
for work in a C function, which py-spy takes for busy, do not count. The stacks stay in build/bench/profile.txt, one a
line with its count. `--flame FILE` draws a flame graph instead, for a browser.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import page
from benchmarks.__main__ import BUILD
from benchmarks.inputs import data_set
from benchmarks.usage import environment
from benchmarks.variants import VARIANTS

PACKAGES = ("schemas", "transforms", "pipelines", "benchmarks")
RATE = 200
_FRAME = re.compile(r"\((?:.*/)?((?:" + "|".join(PACKAGES) + r")/[\w/]+)\.py")
_OTHER = (("apache_beam/", "Beam itself"), ("grpc", "gRPC"), ("google/", "Google's clients"), ("duckdb", "DuckDB"))

_AROUND = ("benchmarks", "pipelines/cli", "pipelines/cli/commands/", "pipelines/runners")
"""Modules of this project that are on every stack."""
_WAITS = re.compile(
    r"(?:Condition\.wait|Event\.wait|Thread\.run|_worker|_serve|\w+\._outgoing|.*channel_spin|\w+\.select"
    r"|SocketIO\.readinto|process) "
).match


def step_of(stack: str) -> str:
    """Return the owner of a sample: a module of this project, else the library."""
    frames = stack.split(";")
    if "importlib" in stack:
        return "imports"
    for frame in reversed(frames):
        found = _FRAME.search(frame)
        if found and "site-packages" not in frame and not found[1].startswith(_AROUND):
            return found[1]
    return next((name for mark, name in _OTHER if mark in stack), "start and the rest")


def shares(folded: str) -> list[tuple[str, float]]:
    """Return each step's share of the samples, largest first."""
    counted: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        if _WAITS(stack.rpartition(";")[2]):
            continue
        counted[step_of(stack)] += int(count)
    return [(step, count / counted.total()) for step, count in counted.most_common()]


def main() -> int:
    """Run one variant under py-spy and print its steps."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profile", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    own = [name for name, variant in VARIANTS.items() if variant.extra is None]
    parser.add_argument("variant", nargs="?", default="local", choices=own, help="what to look at")
    parser.add_argument("--events", type=int, default=100_000, help="size of the data set, messages")
    parser.add_argument("--event_bytes", type=int, default=500, help="average size of an event, bytes")
    parser.add_argument("--least", type=float, default=0.005, help="smallest share that is shown")
    parser.add_argument("--flame", type=Path, metavar="FILE", help="write py-spy's flame graph (SVG), and no table")
    parser.add_argument("--put", metavar="MARK", help=page.HELP)
    args = parser.parse_args()
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        print("py-spy is not installed: pip install py-spy", file=sys.stderr)
        return 2
    source, folded = data_set(args.events, args.event_bytes, BUILD), args.flame or BUILD / "profile.txt"
    folded.unlink(missing_ok=True)
    work = [sys.executable, "-m", "benchmarks.variants", args.variant, str(source), str(BUILD / "output")]
    shape = ["flamegraph"] if args.flame else ["raw", "--full-filenames"]
    record = [spy, "record", "--rate", str(RATE), "--subprocesses", "--nolineno", "--format", *shape]
    words = [*record, "--output", str(folded), "--", *work]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment())
    if not folded.exists():
        print(done.stderr[-2000:], file=sys.stderr)
        return 2
    if args.flame:
        print(f"{folded}: open it in a browser")
        return 0
    steps = [(step, f"{share:.1%}") for step, share in shares(folded.read_text()) if share >= args.least]
    if args.put:
        page.put(args.put, page.as_table(("step", "share of CPU"), steps))
    table = Table(title=f"{args.variant}: {args.events:,} events, share of CPU by step", box=None)
    table.add_column("step")
    table.add_column("share", justify="right")
    for step in steps:
        table.add_row(*step)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
