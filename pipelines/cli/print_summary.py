"""Print a run's summary and its failures on a terminal."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.terminal_text import escape


def print_summary(summary: dict[str, Any], output: Path) -> None:
    """Print the outcomes by topic, dead letters by code, undelivered rows by table, and the paths of the result."""
    console = Console(highlight=False)
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    table.add_column("topic")
    for name in ("received", "valid", "duplicates", "dead letters", "late"):
        table.add_column(name, justify="right")
    rows = [*summary["by_topic"].items(), ("all", summary)]
    for topic, counts in rows:
        cells = [f"{counts[name]:,}" for name in ("received", "valid", "duplicates", "dead_letters", "late")]
        table.add_row(topic, *cells, style="bold" if topic == "all" else None)
    console.print(table)
    if summary["dead_letters_by_code"]:
        codes = ", ".join(f"{code} {count:,}" for code, count in summary["dead_letters_by_code"].items())
        console.print(f"dead letters: {codes}", soft_wrap=True)
    if summary["undelivered"]:
        tables = ", ".join(f"{table} {rows:,}" for table, rows in summary["undelivered"].items())
        console.print(f"undelivered rows: {tables}", soft_wrap=True)
    rate = summary["received"] / summary["seconds"]
    console.print(
        f"{summary['seconds']:.1f} s, {rate:,.0f} messages/s, {summary['cpu_seconds']:.1f} CPU-s, "
        f"peak {summary['peak_memory_mib']:,.0f} MiB"
    )
    console.print(
        f"report    {output}/report.html\nwarehouse {output}/warehouse.duckdb\nlake      {output}/lake", soft_wrap=True
    )


def report_failures(failures: Iterable[str]) -> int:
    """Print why a run failed, one line each, on stderr; return its exit code."""
    lines = list(failures)
    for line in lines:
        print(escape(f"failed: {line}"), file=sys.stderr)
    return 1 if lines else 0
