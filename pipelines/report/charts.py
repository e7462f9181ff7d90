"""The charts, as plotly figures. Pure.

Colours are names of the page's CSS variables (`var(--bad)`): the page puts in what light or dark mode makes of them.
Legends, titles and captions are the page's HTML, so that they wrap on a phone and are read out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape

from plotly import graph_objects as go

from pipelines.report.axes import frame, iso, line, middle, whole
from pipelines.report.number_format import counted, duration, money
from pipelines.report.queries import Lag, Reading, Received, Revenue
from pipelines.report.timeline import later, silent_spans
from schemas.message import TOPICS

PERCENTILES = ("p50", "p95", "p99")
_DAY = 86_400
_FEW_DAYS = 8
_LAG_TICKS = (
    1,
    10,
    100,
    *(1_000 * seconds for seconds in (1, 10, 60, 600, 3_600, 6 * 3_600, _DAY, 7 * _DAY, 30 * _DAY)),
)
"""Milliseconds that a lag's axis may name."""


def topic_colour(topic: str) -> str:
    """Return the colour of a topic, the same in every chart."""
    return f"var(--topic-{TOPICS.index(topic) + 1})" if topic in TOPICS else "var(--other)"


def topics_of(points: Iterable[Received]) -> list[str]:
    """Return the topics of the points in the order in which charts stack them."""
    found = {point.topic for point in points}
    return [*(topic for topic in TOPICS if topic in found), *sorted(found.difference(TOPICS))]


def events_chart(points: Sequence[Received], width: int) -> go.Figure:
    """Draw received messages as bars over time, stacked by topic."""
    times = sorted({point.at for point in points})
    figure = frame(times, silent_spans(times, width), height=300)
    for topic in topics_of(points):
        own = [point for point in points if point.topic == topic]
        figure.add_bar(
            name=topic,
            x=[middle(point.at, width) for point in own],
            y=[point.received for point in own],
            width=width * 1000,
            marker={"color": topic_colour(topic), "line": {"width": 0}},
            hovertemplate="%{y:,} " + escape(topic) + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", hovermode="x unified")
    figure.update_xaxes(range=[iso(times[0]), iso(later(times[-1], width))])
    return figure


def lag_chart(points: Sequence[Lag], width: int) -> go.Figure:
    """Draw one topic's p50, p95 and p99 over time, on a logarithmic axis that begins at a millisecond."""
    times = [point.at for point in points]
    silent = silent_spans(times, width)
    figure = frame(times, silent, height=210)
    for name in PERCENTILES:
        values = [getattr(point, name) for point in points]
        drawn = line(
            times,
            [max(value, 1.0) for value in values],
            [duration(value / 1000) for value in values],
            f"var(--{name})",
        )
        figure.add_scatter(
            **drawn,
            name=name,
            hovertemplate=f"{name} %{{customdata}}<extra></extra>",
        )
    lowest = max(min(point.p50 for point in points), 1.0)
    highest = max(point.p99 for point in points)
    named = [tick for tick in _LAG_TICKS if lowest / 10 <= tick <= max(highest, 1.0) * 10]
    figure.update_yaxes(type="log", tickvals=named, ticktext=[duration(tick / 1000) for tick in named])
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(range=whole(times))
    return figure


def dead_letter_chart(codes: Mapping[str, int]) -> go.Figure:
    """Draw dead letters by code, the most frequent on top."""
    ordered = sorted(codes.items(), key=lambda item: (item[1], item[0]))
    return bars([(escape(code), count, "var(--bad)") for code, count in ordered])


def bars(rows: Sequence[tuple[str, int, str]], name: str = "") -> go.Figure:
    """Draw horizontal bars of (label, value, colour), the last on top, each with its value."""
    figure = frame([], [], height=46 + (30 if len(rows) <= 8 else 22) * len(rows))
    figure.add_bar(
        name=name,
        orientation="h",
        y=[label for label, _, _ in rows],
        x=[value for _, value, _ in rows],
        text=[f"{value:,}" for _, value, _ in rows],
        textposition="auto",
        insidetextanchor="end",
        textangle=0,
        insidetextfont={"color": "var(--card)"},
        outsidetextfont={"color": "var(--ink)"},
        marker={"color": [colour for _, _, colour in rows], "line": {"width": 0}},
        hovertemplate="%{y}: %{x:,}<extra></extra>",
    )
    figure.update_layout(bargap=0.3)
    figure.update_xaxes(type="linear", rangemode="tozero", nticks=5)
    figure.update_yaxes(showgrid=False, type="category")
    return figure


def revenue_chart(rows: Sequence[Revenue]) -> go.Figure:
    """Draw the revenue in one currency, one bar per day."""
    times = [datetime(row.day.year, row.day.month, row.day.day) for row in rows]
    figure = frame(times, silent_spans(times, _DAY), height=230)
    figure.add_bar(
        name=rows[0].currency,
        x=[middle(time, _DAY) for time in times],
        y=[None if row.amount is None else float(row.amount) for row in rows],
        width=0.85 * _DAY * 1000,
        customdata=[[f"{row.day:%a %d %b %Y}", money(row.amount), counted(row.payments, "payment")] for row in rows],
        marker={"color": "var(--accent)", "line": {"width": 0}},
        hovertemplate="%{customdata[0]}<br><b>%{customdata[1]}</b> "
        + escape(rows[0].currency)
        + "<br>%{customdata[2]}<extra></extra>",
    )
    if (days := (times[-1] - times[0]).days + 1) < _FEW_DAYS:
        # A single bar would be as wide as the chart; and each day is labelled.
        margin = timedelta(days=(_FEW_DAYS - days) / 2)
        figure.update_xaxes(
            range=[iso(times[0] - margin), iso(later(times[-1], (timedelta(days=1) + margin).total_seconds()))],
            tickvals=[middle(time, _DAY) for time in times],
            ticktext=[f"{time:%d %b<br>%Y}" for time in times],
            rangebreaks=[],
        )
    return figure


def reading_chart(points: Sequence[Reading], width: int) -> go.Figure:
    """Draw the mean of one device's metric over time."""
    times = [point.at for point in points]
    silent = silent_spans(times, width)
    drawn = line(
        times,
        [point.mean for point in points],
        [f"min {point.low:,.4g}, max {point.high:,.4g}, {point.readings:,} readings" for point in points],
        "var(--accent)",
    )
    figure = frame(times, silent, height=130)
    figure.add_scatter(
        **drawn,
        name="mean",
        hovertemplate="%{x|%d %b %Y %H:%M}<br>mean <b>%{y:,.4g}</b><br>%{customdata}<extra></extra>",
    )
    figure.update_xaxes(nticks=4, range=whole(times))
    figure.update_yaxes(nticks=4)
    return figure
