"""The frame of every chart: its axes, its colours, and lines with gaps for missing points."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from plotly import graph_objects as go

from pipelines.report.timeline import Span, later, ticks

_TIME_FORMATS = [
    {"dtickrange": [None, 86_399_999], "value": "%H:%M<br>%d %b"},
    {"dtickrange": [86_400_000, "M1"], "value": "%d %b<br>%Y"},
    {"dtickrange": ["M1", "M12"], "value": "%b<br>%Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]
"""How an axis names its times, by the distance between them (milliseconds, months)."""
_BREAK = 3
"""A line has a gap if the next point is this many times further away than usual."""


def frame(times: Sequence[datetime], silent: Sequence[Span], height: int) -> go.Figure:
    """Return an empty figure in the page's manner for these times; between the two times of each span none passes."""
    text = {"color": "var(--muted)", "size": 12}
    figure = go.Figure(
        layout={
            "template": go.layout.Template(),
            "height": height,
            "margin": {"l": 8, "r": 8, "t": 6, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": text,
            "showlegend": False,
            "bargap": 0,
            "hoverlabel": {
                "bgcolor": "var(--card)",
                "bordercolor": "var(--line)",
                "font": {"color": "var(--ink)", "size": 12},
            },
        }
    )
    axis: dict[str, Any] = {
        "automargin": True,
        "gridcolor": "var(--line)",
        "linecolor": "var(--line)",
        "zerolinecolor": "var(--line)",
        "ticks": "",
        "separatethousands": True,
    }
    breaks = [{"bounds": [iso(start), iso(end)]} for start, end in silent]
    figure.update_xaxes(**axis, showgrid=False, showline=True, rangebreaks=breaks)
    figure.update_yaxes(**axis, zeroline=False)
    if times:
        figure.update_xaxes(tickformatstops=_TIME_FORMATS)
    if silent:  # Of an axis with breaks plotly names next to nothing.
        named = ticks(times[0], times[-1], silent)
        figure.update_xaxes(tickvals=[iso(at) for at, _ in named], ticktext=[name for _, name in named])
    for start, _ in silent:
        line = {"color": "var(--muted)", "width": 1, "dash": "dot"}
        figure.add_shape(type="line", x0=iso(start), x1=iso(start), y0=0, y1=1, yref="paper", line=line)
    return figure


def line(times: Sequence[datetime], values: Sequence[float], texts: Sequence[str], colour: str) -> dict[str, Any]:
    """Return a line with gaps for missing points; a point between two gaps is a dot."""
    steps = [(after - before).total_seconds() for before, after in pairwise(times)]
    longest = _BREAK * median(steps) if steps else 0.0
    broken = [True, *(step > longest for step in steps), True]
    x: list[str] = []
    y: list[float | None] = []
    text: list[str] = []
    size: list[int] = []
    for place, (time, value, words) in enumerate(zip(times, values, texts, strict=True)):
        if broken[place] and x:
            x.append(iso(time))
            y.append(None)
            text.append("")
            size.append(0)
        x.append(iso(time))
        y.append(value)
        text.append(words)
        size.append(5 if broken[place] and broken[place + 1] else 0)
    return {
        "x": x,
        "y": y,
        "customdata": text,
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "size": size, "line": {"width": 0}},
    }


def whole(times: Sequence[datetime]) -> list[str] | None:
    """Return the range of an axis from the first to the last point; None, plotly's own, around a single one."""
    return [iso(times[0]), iso(times[-1])] if len(times) > 1 else None


def middle(start: datetime, width: int) -> str:
    """Return the middle of a bucket that begins at `start` and is `width` seconds wide: the position of its bar."""
    return iso(later(start, width / 2))


def iso(time: datetime) -> str:
    """Return an instant as plotly takes it: without a zone, which it would shift."""
    return time.replace(tzinfo=None).isoformat(sep=" ")
