"""`python -m benchmarks.streaming [--soak MINUTES]`: the streaming pipeline against the Pub/Sub emulator, with every sink.

Three figures: the time from publishing to the row being visible, each message for itself, at a steady rate; messages a
second when they come faster than they can be taken, on Prism and on the streaming DirectRunner; and, as a run of its
own, the memory of every process over a long time. Publisher, bus, runner, pipeline and BigQuery share the machine.
"""

import argparse
import json
import pickle
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.live_publish import STRETCH_SECONDS, simulate, simulate_stretches
from benchmarks.live_run import EVENTS, LiveRun, cpu_seconds, live_run, memory_mib

BUILD = Path("build/bench-streaming")
LOOK_SECONDS = 0.15
WAIT_SECONDS = 120.0
SIMULATE_SECONDS = 0.00012
"""What a message may take to be simulated."""


def watch_visible(run: LiveRun, since: float, expected: int, until: float) -> dict[str, float]:
    """Poll `events`; return when each event was first visible, by the clock after the query."""
    seen: dict[str, float] = {}
    times: dict[str, float] = {}
    while len(seen) < expected and time.time() < until:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since))
        row = run.query(
            f"SELECT STRING_AGG(event_id) AS ids, UNIX_MICROS(MAX(publish_time)) AS newest FROM `{EVENTS}`"
            f" WHERE publish_time >= TIMESTAMP '{moment}'"
        )[0]
        now = time.time()
        for event_id in (row.ids or "").split(","):
            if event_id and event_id not in seen:
                seen[event_id] = times[event_id] = now
        if row.newest is not None:
            since = max(since, row.newest / 1e6 - 4)  # older rows have been seen, or are late
        time.sleep(LOOK_SECONDS)
    return times


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """Publish at a steady rate and return percentiles of publish -> row visible, without the first seconds."""
    count = int(args.rate * (args.warm_seconds + args.seconds))
    folder, output = fresh("latency")
    with live_run(output, *args.options) as run:
        run.start()
        simulate(folder, count, args.rate, time.time())
        moments = output / "moments.pickle"
        before, began = costs(run), time.time()
        publisher = run.publish(folder, args.rate, moments)
        times = watch_visible(run, began, count, began + count / args.rate + WAIT_SECONDS)
        spent = {name: seconds - before[name] for name, seconds in costs(run).items()}
        publisher.wait()
        sent: dict[str, float] = pickle.loads(moments.read_bytes())
        first = min(sent.values()) + args.warm_seconds
        waits = sorted(times[cell] - at for cell, at in sent.items() if at >= first and cell in times)
        return {
            "messages": len(waits), "missing": count - len(times), "rate": args.rate,
            "p50_s": at_share(waits, 0.5), "p95_s": at_share(waits, 0.95), "p99_s": at_share(waits, 0.99),
            "max_s": round(waits[-1], 3), "cpu_us_a_message": per_message(spent, count),
        }  # fmt: skip


def throughput(args: argparse.Namespace, runner: str, live: bool) -> dict[str, Any]:
    """Return messages per second: published meanwhile as fast as possible, or all beforehand."""
    count = args.messages if runner == "PrismRunner" else args.messages // 4
    folder, output = fresh(f"throughput-{runner}-{'live' if live else 'backlog'}")
    with live_run(output, "--runner", runner, *args.options) as run:
        simulate(folder, count, 1000, time.time() - count / 1000 - 5)
        if not live:
            run.publish(folder, 0).wait()
        run.start()
        publisher = run.publish(folder, 0) if live else None
        before, looks = costs(run), [(time.time(), 0)]
        until = time.time() + WAIT_SECONDS
        while looks[-1][1] < count and time.time() < until:
            time.sleep(0.25)
            looks.append((time.time(), run.visible()))
        spent = {name: seconds - before[name] for name, seconds in costs(run).items()}
        if publisher is not None:
            publisher.wait()
        stored = run.query(f"SELECT COUNT(DISTINCT event_id) AS n FROM `{EVENTS}`")[0].n
        code = run.end()
    began = next(at for at, rows in looks if rows > 0.05 * count)
    began_rows = next(rows for _, rows in looks if rows > 0.05 * count)
    seconds = next((at for at, rows in looks if rows >= 0.98 * count), looks[-1][0]) - began
    rows = next((rows for _, rows in looks if rows >= 0.98 * count), looks[-1][1]) - began_rows
    return {
        "runner": runner, "published": "meanwhile" if live else "before", "messages": count,
        "not_stored": count - stored, "messages_a_second": round(rows / seconds), "exit_code": code,
        "cpu_us_a_message": per_message(spent, count),
    }  # fmt: skip


def soak(args: argparse.Namespace) -> dict[str, Any]:
    """Publish for a long time; return the memory of every process at each quarter, and the increase since the first."""
    seconds, marks = args.soak * 60, []
    folder, output = fresh("soak")
    # All expiring state has expired before the first measurement: an increase after it is a leak.
    short = ["--dedup_horizon", "120", "--allowed_lateness_seconds", "60", "--disorder_seconds", "60"]
    with live_run(
        output,
        *short,
        "--saga_retention_days",
        "0.0003",
        "--saga_timeout_minutes",
        "1",
        "--flush_seconds",
        "30",
        *args.options,
    ) as run:
        run.start()
        # events are published as they happen, and not late
        first = time.time() + SIMULATE_SECONDS * args.rate * seconds
        simulate_stretches(folder, seconds + 30, args.rate, first)
        time.sleep(max(0.0, first - time.time()))
        publisher, began = run.publish(folder, args.rate), time.time()
        for quarter in range(1, 5):
            samples: dict[str, list[float]] = {}
            while time.time() < began + seconds * quarter / 4:
                time.sleep(2)
                if time.time() > began + seconds * quarter / 4 - STRETCH_SECONDS:  # garbage collection: use a mean
                    for name, pid in run.processes().items():
                        samples.setdefault(name, []).append(memory_mib(pid))
            memory = {name: round(statistics.mean(found), 1) for name, found in samples.items()}
            rows = run.visible()
            marks.append({
                "minutes": args.soak * quarter / 4, "rows": rows, "memory_mib": memory,
                "least_mib": {name: round(min(found), 1) for name, found in samples.items()},
                "most_mib": {name: round(max(found), 1) for name, found in samples.items()},
                "cpu_us_a_message": per_message(costs(run), rows),
            })  # fmt: skip
            print(json.dumps(marks[-1]), flush=True)
        publisher.kill()
        code = run.end()
    rise = {
        name: round(100 * (marks[-1]["memory_mib"][name] / first - 1), 1)
        for name, first in marks[0]["memory_mib"].items()
    }
    return {"rate": args.rate, "marks": marks, "rise_percent": rise, "exit_code": code}


def fresh(name: str) -> tuple[Path, Path]:
    """Return empty folders for input and output of a run."""
    shutil.rmtree(BUILD / name, ignore_errors=True)
    return BUILD / name / "input", BUILD / name / "output"


def costs(run: LiveRun) -> dict[str, float]:
    """Return the CPU seconds of every process so far."""
    return {name: cpu_seconds(pid) for name, pid in run.processes().items()}


def per_message(spent: dict[str, float], count: int) -> dict[str, int]:
    """Return CPU microseconds per message, by process."""
    return {name: round(seconds / count * 1e6) for name, seconds in spent.items()}


def at_share(ordered: list[float], share: float) -> float:
    """Return the value below which a share of sorted values lies."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def show(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    """Print figures as a table."""
    table = Table(title=title, box=None)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row.values()))
    console.print(table)


def main() -> int:
    """Measure; exit 1 if a message is missing or a run fails."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.streaming", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1000, help="steady rate, messages a second")
    parser.add_argument("--seconds", type=float, default=30, help="how long latency is measured, seconds")
    parser.add_argument("--warm_seconds", type=float, default=10, help="what is left out before that, seconds")
    parser.add_argument(
        "--messages", type=int, default=60_000, help="messages of the throughput runs; DirectRunner: a quarter"
    )
    parser.add_argument("--only", choices=("latency", "prism", "direct", "backlog"), help="one measurement")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="only this: memory over so many minutes")
    parser.add_argument("options", nargs="*", help="further options of `stream`, after --")
    args = parser.parse_args()
    console, found = Console(), {}
    if args.soak:
        found["soak"] = [soak(args)]
    else:
        if args.only in (None, "latency"):
            found["latency"] = [latency(args)]
        runs = [("PrismRunner", False, "backlog"), ("PrismRunner", True, "prism"), ("DirectRunner", True, "direct")]
        found["throughput"] = [
            throughput(args, runner, live) for runner, live, name in runs if args.only in (None, name)
        ]
    for name, rows in found.items():
        if rows:
            show(console, name, rows)
    (BUILD / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    bad = [row for rows in found.values() for row in rows if row.get("missing") or row.get("exit_code")]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
