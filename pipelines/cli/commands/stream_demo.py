"""The command `stream-demo`: the streaming pipeline on generated events, and a table of its metrics."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipelines.errors import UserError
from pipelines.runners.prism import need_prism
from pipelines.runners.pubsub_emulator import missing
from pipelines.stream.demo import WINDOW_SECONDS, DemoRequest, run_demo
from schemas.message import TOPICS


def run(args: argparse.Namespace) -> int:
    """Run the demo; return 0."""
    program = need_prism(args.prism_location)
    if (reason := missing()) is not None:
        raise UserError(reason)
    output = Path(args.output)
    request = DemoRequest(output=output, rate=args.rate, seconds=args.seconds, seed=args.seed, prism=program)
    console = Console()
    with Live(console=console, refresh_per_second=2) as screen:
        run_demo(
            request,
            notify=lambda line: console.print(line, highlight=False),
            show=lambda published, windows: screen.update(metrics_table(published, windows)),
        )
    print(f"report    {output / 'report.html'}\nwarehouse {output / 'warehouse.duckdb'}\nlake      {output / 'lake'}")
    return 0


def metrics_table(published: Counter[str], windows: dict[str, Any]) -> Table:
    """Return the table of the topics: messages published, the newest window, and the outcomes of all windows."""
    table = Table(title=f"newest window of {WINDOW_SECONDS} s: rate and lag; all windows: outcomes", min_width=78)
    names = ("sent", "per s", "p50 ms", "p95 ms", "valid", "dupl.", "dead")
    table.add_column("topic", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("alerts")
    for topic in TOPICS:
        row = windows.get(topic)
        if row is None:
            table.add_row(topic, f"{published[topic]:,}", *("-" for _ in names[1:]), "")
            continue
        newest = row.newest
        lags = ("-" if newest[name] is None else f"{newest[name]:,.0f}" for name in ("p50", "p95"))
        sums = (f"{count:,}" for count in (row.valid, row.duplicates, row.dead))
        table.add_row(
            topic, f"{published[topic]:,}", f"{newest['rate']:,.1f}", *lags, *sums, " ".join(newest["alerts"])
        )
    return table
