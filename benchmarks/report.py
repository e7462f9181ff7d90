"""Report results as a terminal table, markdown and JSON. Ratios are between medians of CPU seconds."""

import math
import platform
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import aims
from benchmarks.digest import Digest
from benchmarks.page import as_table
from benchmarks.variants import VARIANTS

Figures = dict[str, float]
HEADS = ("variant", "CPU-s per million", "events per CPU-s", "wall s", "peak MiB", "CPU of the pipeline's", "rows")


@dataclass
class Results:
    """All figures of one run: by size and variant, one per round; skipped and differing variants."""

    rounds: int
    event_bytes: int
    figures: dict[int, dict[str, list[Figures]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    different: dict[str, list[str]] = field(default_factory=dict)
    wrote: dict[int, dict[frozenset[str], dict[str, Digest]]] = field(default_factory=dict)

    def add(self, events: int, name: str, figures: Figures) -> None:
        """Add one variant's figures of one round."""
        self.figures.setdefault(events, {}).setdefault(name, []).append(figures)

    def medians(self, events: int) -> dict[str, Figures]:
        """Return the median of each figure of a size, by variant."""
        return {
            name: {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}
            for name, rounds in self.figures[events].items()
        }


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope of log(seconds) over log(size) by least squares."""
    return statistics.linear_regression([math.log(n) for n in sizes], [math.log(s) for s in seconds]).slope


def exponents(results: Results) -> dict[str, float]:
    """Return the exponent of each variant that was measured at every size, if there are several."""
    sizes = sorted(results.figures)
    medians = {events: results.medians(events) for events in sizes}
    names = set.intersection(*(set(medians[events]) for events in sizes)) if len(sizes) > 1 else set()
    return {
        name: exponent(sizes, [medians[events][name]["cpu_seconds"] for events in sizes])
        for name in VARIANTS
        if name in names
    }


def rows(results: Results, events: int) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the table for one size."""
    medians = results.medians(events)
    base = medians.get(aims.BASE, {}).get("cpu_seconds")
    for name, figures in medians.items():
        cpu = figures["cpu_seconds"]
        yield (
            name,
            f"{cpu / events * 1e6:.1f}",
            f"{events / cpu:,.0f}",
            f"{figures['wall_seconds']:.1f}",
            f"{figures['peak_mib']:,.0f}",
            f"{cpu / base:.2f}" if base else "",
            "; ".join(results.different[name]) if name in results.different else "equal",
        )


def cpu_seconds(results: Results, events: int) -> dict[str, float]:
    """Return the medians of CPU seconds of a size, by variant."""
    return {name: figures["cpu_seconds"] for name, figures in results.medians(events).items()}


def machine() -> str:
    """Describe this machine, without its name."""
    words = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        words[key.strip()] = value.strip()
    cores = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")]
    kib = int(Path("/proc/meminfo").read_text().split()[1])
    return (
        f"{len(cores)} of {words.get('model name', platform.machine())}, {kib / 2**20:.0f} GiB, "
        f"Python {platform.python_version()}"
    )


def show(results: Results, console: Console) -> None:
    """Print one table per size."""
    for events in sorted(results.figures):
        table = Table(title=f"{events:,} events of about {results.event_bytes} B, median of {results.rounds}", box=None)
        for head in HEADS:
            table.add_column(head, justify="left" if head in ("variant", "rows") else "right")
        for cells in rows(results, events):
            table.add_row(*cells)
        console.print(table)
    for name, slope in exponents(results).items():
        console.print(f"{name}: CPU grows with the input to the power of {slope:.3f}")
    for name, why in results.skipped.items():
        console.print(f"{name}: left out, {why}")


def as_markdown(results: Results) -> str:
    """Return the tables as markdown; the goals follow the largest size, because they are defined for large data."""
    slopes, blocks = exponents(results), []
    for events in sorted(results.figures):
        head = f"### {events:,} events of about {results.event_bytes} B, median of {results.rounds}\n\n"
        blocks.append(head + as_table(HEADS, rows(results, events)))
    if (largest := max(results.figures, default=0)) >= aims.LEAST_EVENTS:
        blocks.append(aims.as_markdown(cpu_seconds(results, largest), largest, slopes))
    others = {name: slope for name, slope in slopes.items() if name not in (aims.BASE, aims.LOCAL)}
    notes = [f"- {name}: CPU grows with the input to the power of {slope:.3f}\n" for name, slope in others.items()]
    blocks.append("".join([*notes, *(f"- {name}: left out, {why}\n" for name, why in results.skipped.items())]))
    return "\n".join(block for block in blocks if block)


def as_json(results: Results) -> dict[str, Any]:
    """Return everything, including each round."""
    return {
        "machine": machine(),
        "event_bytes": results.event_bytes,
        "rounds": results.rounds,
        "figures": results.figures,
        "exponents": exponents(results),
        "skipped": results.skipped,
        "different": results.different,
    }
