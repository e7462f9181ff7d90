"""The summary of a run as a person reads it on a terminal."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def print_summary(summary: dict[str, Any], output: Path) -> None:
    """Print what came in by topic, what became of it, dead letters by code, and where to look."""
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
    rate = summary["received"] / summary["seconds"]
    console.print(
        f"{summary['seconds']:.1f} s, {rate:,.0f} messages/s, {summary['cpu_seconds']:.1f} CPU-s, "
        f"peak {summary['peak_memory_mib']:,.0f} MiB"
    )
    console.print(
        f"report    {output}/report.html\nwarehouse {output}/warehouse.duckdb\nlake      {output}/lake", soft_wrap=True
    )
