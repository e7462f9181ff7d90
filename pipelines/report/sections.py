"""The sections of the report: each queries the stores, states the result in a sentence, and draws it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from pipelines.report import queries
from pipelines.report.charts import (
    PERCENTILES,
    dead_letter_chart,
    events_chart,
    lag_chart,
    reading_chart,
    revenue_chart,
    topic_colour,
    topics_of,
)
from pipelines.report.markup import Chart, Markup, Section, code, details, table
from pipelines.report.number_format import (
    NOTHING,
    add_money,
    bucket_words,
    counted,
    duration,
    money,
    number,
    plain,
    quantity,
    share,
)
from pipelines.report.queries import Revenue
from pipelines.report.stores import Stores, TimeSpan
from pipelines.report.timeline import silent_spans, width_words

SINK_CODES = ("SINK_REJECTED", "SINK_EXHAUSTED")
OUTCOMES = ("received", "valid", "duplicates", "dead_letters", "late")
_CURVES = 12
_CURVE_POINTS = 240
_CURRENCIES = 6
_REASONS = 12


def topics_section(summary: Mapping[str, Any]) -> Section:
    """Show the outcomes of the messages of each topic, and the valid events of each type."""
    topics: Mapping[str, Mapping[str, int]] = summary["by_topic"]
    if not topics:
        return Section("topics", "Topics", "No message was received.")
    heads = ("topic", "received", "valid", "duplicates", "dead letters", "late", "valid share")
    rows = [
        (name, *(number(counts[outcome]) for outcome in OUTCOMES), share(counts["valid"], counts["received"]))
        for name, counts in [*topics.items(), ("all", _total(topics))]
    ]
    types = [(name, number(counts["valid"])) for name, counts in summary["by_event_type"].items()]
    note = "Every message has one outcome. A late event is valid too: it was published after its window."
    tables = [table("Messages by topic", heads, rows, total=True)]
    if types:
        tables.append(details("Valid events by type", table("Valid events by type", ("event type", "valid"), types)))
    return Section("topics", "Topics", note, tuple(tables))


def _total(topics: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {outcome: sum(counts[outcome] for counts in topics.values()) for outcome in OUTCOMES}


def tables_section(summary: Mapping[str, Any]) -> Section | None:
    """Show the rows of each table: made, held, and undelivered because the table rejected them."""
    tables: Mapping[str, Mapping[str, int]] = summary.get("tables") or {}
    if not tables:
        return None
    undelivered = sum(counts["undelivered"] for counts in tables.values())
    rows = [
        (code(name), *(number(counts[key]) for key in ("made", "rows", "undelivered")))
        for name, counts in tables.items()
    ]
    note = (
        f"{counted(undelivered, 'row')} undelivered: their table rejected them, and each is a dead letter that names table, event"
        " and column. The command redrive delivers them."
        if undelivered
        else "Every row of the run is in its table."
    )
    body = table("Rows by table", ("table", "made", "in the table", "undelivered"), rows)
    return Section("tables", "Rows by table", note, (body,))


def events_section(stores: Stores, span: TimeSpan | None) -> Section:
    """Show received messages over time."""
    if span is None:
        return Section("events", "Events over time", "No message was received, so there is nothing to draw.")
    points, width = queries.received(stores, span), span.width
    totals: Counter[datetime] = Counter()
    for point in points:
        totals[point.at] += point.received
    peak, most = max(totals.items(), key=lambda item: item[1])
    unit, when = width_words(width), bucket_words(peak, width)
    title = f"Events {'every' if ' ' in unit else 'an' if unit == 'hour' else 'a'} {unit}"
    description = f"{title}, stacked by topic: {number(totals.total())} in all; the peak was {number(most)}, {when}."
    note = f"Messages received, by the time they were published (UTC). The peak was {number(most)}, {when}."
    for begin, end in silent_spans(sorted(totals), width):
        note += f" Nothing came from {bucket_words(begin, width)} to {bucket_words(end, width)}: this time is omitted."
    if outside := span.total - totals.total():
        note += f" {counted(outside, 'message')} published long before or after are not in the chart."
    legend = tuple((topic, topic_colour(topic)) for topic in topics_of(points))
    return Section("events", title, note, (Chart(events_chart(points, width), description, legend=legend),))


def lag_section(stores: Stores, span: TimeSpan | None) -> Section:
    """Show how late each topic's events were, over time."""
    stream = queries.is_stream(stores)
    whole = {lag.topic: lag for lag in queries.lags(stores, None, stream)}
    if span is None or not whole:
        return Section("lag", "Lag", "No valid event was stored, so there is no lag to show.")
    panels = []
    colours = tuple((name, f"var(--{name})") for name in PERCENTILES)
    for topic, group in groupby(sorted(queries.lags(stores, span, stream)), key=lambda lag: lag.topic):
        levels = " · ".join(f"{name} {duration(getattr(whole[topic], name) / 1000)}" for name in PERCENTILES)
        description = f"Lag of {topic} over time. {'Worst windows' if stream else 'In all'}: {levels}."
        panels.append(Chart(lag_chart(list(group), span.width), description, topic, levels, colours))
    note = (
        "From the time of the event to its processing; each point is the worst window of its time."
        if stream
        else f"From event to publication, every {width_words(span.width)} (UTC), on a logarithmic scale."
    )
    return Section("lag", "Lag", note, (tuple(panels),))


def dead_letters_section(stores: Stores, summary: Mapping[str, Any]) -> Section:
    """Show why messages became dead letters and rows were rejected, without payloads and values."""
    codes: Mapping[str, int] = {name: count for name, count in summary["dead_letters_by_code"].items() if count}
    if not codes:
        return Section("dead", "Dead letters", "There are no dead letters.")
    reasons = queries.reasons(stores)
    total = sum(codes.values())
    description = "Dead letters by code: " + ", ".join(f"{name} {number(count)}" for name, count in codes.items()) + "."
    rows = [
        (
            code(reason.code),
            reason.stage,
            code(reason.path) if reason.path else NOTHING,
            reason.topics or NOTHING,
            number(reason.dead_letters),
        )
        for reason in reasons
    ]
    received = summary["received"]
    dead = summary["dead_letters"]
    note = f"{number(dead)} of {number(received)} messages became dead letters ({share(dead, received)})."
    if sunk := sum(count for name, count in codes.items() if name in SINK_CODES):
        note += f" {counted(sunk, 'dead letter')} of stage sink: rows that a table rejected."
    if (in_files := total - sum(reason.dead_letters for reason in reasons)) > 0:
        note += f" Not listed below: {counted(in_files, 'dead letter')} with rarer reasons or only in files."
    body: list[Markup | Chart] = [Chart(dead_letter_chart(codes), description)]
    if rows:
        heads = ("code", "stage", "path", "topics", "count")
        body.append(table("Dead letters by code and path", heads, rows[:_REASONS], words=4))
        if rarer := rows[_REASONS:]:
            listed = table("Dead letters by code and path, the rarer ones", heads, rarer, words=4)
            body.append(details(f"{number(len(rarer))} more", listed))
    return Section("dead", "Dead letters", note, tuple(body))


def revenue_section(stores: Stores) -> Section:
    """Show the revenue per day, one chart per currency."""
    days = queries.revenue(stores)
    if not days:
        return Section("revenue", "Revenue by day", "No payment was processed.")
    currencies: dict[str, list[Revenue]] = {}
    for day in days:
        currencies.setdefault(day.currency, []).append(day)
    ordered = sorted(currencies.items(), key=lambda item: (-sum(day.payments for day in item[1]), item[0]))
    panels = []
    for currency, rows in ordered[:_CURRENCIES]:
        total, payments = add_money(row.amount for row in rows), sum(row.payments for row in rows)
        best = max(rows, key=lambda row: (row.amount is None, row.amount or Decimal()))
        levels = f"{money(total)} from {counted(payments, 'payment')} on {counted(len(rows), 'day')}"
        description = f"Revenue in {currency} by day: {levels}; at most {money(best.amount)}, on {best.day}."
        panels.append(Chart(revenue_chart(rows), description, currency, levels))
    shown = [row for _, rows in ordered[:_CURRENCIES] for row in rows]
    figures = [(str(row.day), row.currency, money(row.amount), number(row.payments)) for row in shown]
    listed = table("Revenue by day", ("day", "currency", "amount", "payments"), figures, words=2)
    note = "Processed payments by the day they were made (UTC), each event once."
    if len(ordered) > _CURRENCIES:
        note += f" The {_CURRENCIES} currencies with most payments, of {number(len(ordered))}."
    return Section("revenue", "Revenue by day", note, (tuple(panels), details("As a table", listed)))


def devices_section(stores: Stores) -> Section:
    """Show the busiest devices' metrics as small curves."""
    span = stores.time_span("iot_telemetry", "event_time", "COUNT(*)", _CURVE_POINTS)
    if span is None:
        return Section("devices", "Devices", "No telemetry was received.")
    panels, width = [], span.width
    readings = queries.readings(stores, span, _CURVES)
    for (device, metric), group in groupby(readings, key=lambda reading: (reading.device_id, reading.metric)):
        points = list(group)
        count = sum(point.readings for point in points)
        mean = sum(point.mean * point.readings for point in points) / count
        low, high = min(point.low for point in points), max(point.high for point in points)
        unit = f" {points[0].unit}" if points[0].unit else ""
        levels = f"{device} · mean {quantity(mean)}{unit}, {quantity(low)} to {quantity(high)}"
        description = f"{metric} of {levels}, from {number(count)} readings."
        panels.append(Chart(reading_chart(points, width), description, metric, levels))
    note = f"Mean of every {width_words(width)} by the time of the event (UTC); the {len(panels)} busiest."
    return Section("devices", "Devices", note, (tuple(panels),))


def run_section(options: Mapping[str, Any], versions: Sequence[tuple[str, str]]) -> Section:
    """Show the options and versions of the run."""
    rows = [(code(f"--{name}"), plain(value)) for name, value in options.items()]
    body = [table("Versions", ("software", "version"), versions, words=2)]
    if rows:
        body.insert(0, table("Options", ("option", "value"), rows, words=2))
    return Section(
        "run", "Options and versions", "The options of the run and the versions of its software.", tuple(body)
    )
