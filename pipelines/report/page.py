"""The page: one HTML file that includes its style, its script and plotly.js, so that it also opens offline.

Its Content-Security-Policy blocks every request. Figures are embedded as JSON and drawn by the script, in the
colours of light or dark mode.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import resources
from typing import Any

from plotly.offline import get_plotlyjs

from pipelines.report.markup import Chart, Markup, Section, chart, text
from pipelines.report.number_format import duration, moment, number, share

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def render(summary: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """Return the whole page."""
    figures: dict[str, Any] = {}
    parts = "".join(_section(section, figures) for section in sections)
    links = "".join(f'<li><a href="#{section.key}">{text(section.title)}</a></li>' for section in sections)
    run_id = str(summary.get("run_id") or "all runs")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Event pipelines: {escape(run_id)}</title>
<style>{_asset("report.css")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>
<h1>Event pipelines</h1>
{_run_line(summary, run_id)}
<nav aria-label="Parts of the report"><ul>{links}</ul></nav>
</header>
<main id="main">
{_tiles(summary)}
<noscript><p class="card">The charts need JavaScript, which is off here; the tables do not.</p></noscript>
{parts}
</main>
<script type="application/json" id="figures">{_json(figures)}</script>
<script>{_script(get_plotlyjs())}</script>
<script>{_asset("report.js")}</script>
</body>
</html>
"""


def _run_line(summary: Mapping[str, Any], run_id: str) -> Markup:
    seconds = float(summary.get("seconds") or 0)
    parts = [("run", run_id), ("started", _started(summary)), ("took", duration(seconds) if seconds else None)]
    if seconds:
        parts.append(("rate", f"{number(round(summary['received'] / seconds))} messages/s"))
    if summary.get("cpu_seconds"):
        parts.append(("CPU", duration(float(summary["cpu_seconds"]))))
    if summary.get("peak_memory_mib"):
        parts.append(("peak memory", f"{float(summary['peak_memory_mib']):,.0f} MiB"))
    parts.append(("version", summary.get("version")))
    return Markup(
        '<dl class="run">'
        + "".join(f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in parts if value)
        + "</dl>"
    )


def _started(summary: Mapping[str, Any]) -> str | None:
    started = summary.get("started")
    return f"{moment(datetime.fromisoformat(started))} UTC" if started else None


def _tiles(summary: Mapping[str, Any]) -> Markup:
    received, valid = summary["received"], summary["valid"]
    duplicates, dead = summary["duplicates"], summary["dead_letters"]
    outcomes = valid + duplicates + dead
    balanced = received == outcomes and not summary.get("difference")
    tiles = "".join(
        f'<div class="card tile {kind}"><dt>{name}</dt><dd>{number(count)}<small>{note}</small></dd></div>'
        for name, count, note, kind in (
            ("Received", received, "messages", ""),
            ("Valid", valid, share(valid, received), ""),
            ("Duplicate", duplicates, share(duplicates, received), ""),
            ("Dead letters", dead, share(dead, received), "bad" if dead else ""),
        )
    )
    sum_of = f"{number(valid)} + {number(duplicates)} + {number(dead)}"
    description = (
        f"Every message has one outcome: received {number(received)} = valid + duplicate + dead letters, {sum_of}."
        if balanced
        else summary.get("difference") or f"Received {number(received)}, but {sum_of} = {number(outcomes)}."
    )
    checks = _check(description, balanced)
    if undelivered := summary.get("undelivered"):
        tables = ", ".join(f"{table} {number(rows)}" for table, rows in undelivered.items())
        checks += _check(f"Rows that their table rejected are undelivered: {tables}.", False)
    return Markup(f'<section aria-label="Headline"><dl class="tiles">{tiles}</dl>{checks}</section>')


def _check(description: object, passed: bool) -> str:
    mark, kind = ("✓", "good") if passed else ("✗", "bad")
    return f'<p class="card check {kind}"><span aria-hidden="true">{mark}</span> {text(description)}</p>'


def _section(section: Section, figures: dict[str, Any]) -> str:
    """Return a section, and put its figures into `figures` under the ids of their frames."""

    def framed(drawn: Chart) -> Markup:
        key = f"{section.key}-{len(figures) + 1}"
        figures[key] = drawn.figure.to_plotly_json()
        return chart(drawn, key)

    body = []
    for part in section.body:
        if isinstance(part, tuple):
            size = "one" if len(part) == 1 else "two" if len(part) <= 4 else "many"
            body.append(f'<div class="grid {size}">{"".join(framed(item) for item in part)}</div>')
        else:
            body.append(framed(part) if isinstance(part, Chart) else part)
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-title">'
        f'<h2 id="{section.key}-title">{text(section.title)}</h2><p class="lead">{text(section.note)}</p>'
        f"{''.join(body)}</section>"
    )


def _json(value: Any) -> str:
    """Return JSON that cannot close its enclosing script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _script(source: str) -> str:
    return source.replace("</script", "<\\/script")


def _asset(name: str) -> str:
    return (resources.files("pipelines.report") / "assets" / name).read_text(encoding="utf-8")
