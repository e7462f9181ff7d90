"""Small pieces of HTML. Every text that comes from data is escaped here, and markup is created nowhere else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from plotly import graph_objects as go

from pipelines.report.number_format import moment


class Markup(str):
    """Text that is HTML already."""


@dataclass(frozen=True)
class Chart:
    """A figure with its title, note and legend; `description` is the text for screen readers."""

    figure: go.Figure
    description: str
    title: str = ""
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    """Names and colours."""


@dataclass(frozen=True)
class Section:
    """One part of the page. `body` holds markup and charts in the order in which they are read."""

    key: str
    title: str
    note: str
    body: tuple[Markup | Chart | tuple[Chart, ...], ...] = ()


def text(value: object) -> Markup:
    """Return any value as HTML text."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def code(value: object) -> Markup:
    """Return a name out of the data, such as a path or an id."""
    return Markup(f"<code>{escape(str(value))}</code>")


def instant(at: datetime) -> Markup:
    """Return an instant in UTC, to the second."""
    return Markup(f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{moment(at)}</time>')


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1, total: bool = False
) -> Markup:
    """Return a table whose first `words` columns are text and the others numbers; `total`: the last row is a sum."""
    kinds = ["" if place < words else ' class="number"' for place in range(len(heads))]
    head = "".join(f'<th scope="col"{kind}>{text(name)}</th>' for name, kind in zip(heads, kinds, strict=True))
    lines = []
    for row in rows:
        # The span gives text its full width up to a limit: the table scrolls before words break.
        shown = [text(cell) if kind else f"<span>{text(cell)}</span>" for cell, kind in zip(row, kinds, strict=True)]
        cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(shown[1:], kinds[1:], strict=True))
        lines.append(f'<tr><th scope="row"{kinds[0]}>{shown[0]}</th>{cells}</tr>')
    if total:
        lines[-1] = lines[-1].replace("<tr>", '<tr class="total">', 1)
    # A wide table scrolls in its own box; tabindex makes that possible with the keyboard.
    return Markup(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{text(caption)}</span></caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def details(summary: str, body: Markup) -> Markup:
    """Return a collapsed block with a summary."""
    return Markup(f"<details><summary>{text(summary)}</summary>{body}</details>")


def chart(drawn: Chart, key: str) -> Markup:
    """Return a chart's frame; the page's script draws the figure of this key into it."""
    legend = "".join(
        f'<li><span class="key" style="background:{escape(colour)}"></span>{text(name)}</li>'
        for name, colour in drawn.legend
    )
    title = f"<h3>{text(drawn.title)}</h3>" if drawn.title else ""
    note = f'<p class="note">{text(drawn.note)}</p>' if drawn.note else ""
    key_list = f'<ul class="legend">{legend}</ul>' if legend else ""
    height = int(drawn.figure.layout.height)
    return Markup(
        f'<figure class="card"><figcaption>{title}{note}{key_list}</figcaption>'
        f'<div class="plot" id="{key}" role="img" aria-label="{escape(drawn.description)}" style="height:{height}px"></div>'
        "</figure>"
    )
