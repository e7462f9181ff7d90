"""Generate DuckDB SQL for GoogleSQL's dates and times.

BigQuery's functions work in UTC, DuckDB's in the session's zone, and a stored view is read in any session. `naive_utc` is
the naive UTC time of a TIMESTAMP, DATETIME or DATE.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

TEXT = (exp.JSONExtractScalar, exp.JSONValue, exp.Concat, exp.DPipe)
"""Expressions that give text."""
_MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
_UTC = "'UTC'"

Generator = Any


def is_literal(node: Any) -> bool:
    """Tell whether an expression is a string literal."""
    return isinstance(node, exp.Literal) and bool(node.is_string)


def naive_utc(self: Generator, node: exp.Expression) -> str:
    """Return the naive UTC time of a TIMESTAMP, DATETIME or DATE; cast text."""
    if isinstance(node, TEXT) or is_literal(node):
        return f"CAST({self.sql(node)} AS TIMESTAMP)"
    return f"make_timestamp(epoch_us({self.sql(node)}))"


def instant(self: Generator, node: exp.Expression) -> str:
    """Return a TIMESTAMP from text, DATETIME or DATE; without a zone they are in UTC."""
    if is_literal(node):
        day, rest = node.name[:10], node.name[10:]
        zoned = any(mark in rest for mark in ("Z", "z", "+", "-", "UTC", "/"))
        text = node.name if zoned else f"{day}{rest or ' 00:00:00'}+00:00"
        return f"CAST('{text}' AS TIMESTAMPTZ)"
    if isinstance(node, TEXT):
        return f"CAST({self.sql(node)} AS TIMESTAMPTZ)"
    return f"timezone('UTC', {naive_utc(self, node)})"


def date(self: Generator, node: exp.Date) -> str:
    """Return a DATE of text, or of a time in a zone, UTC by default."""
    if node.args.get("zone") is not None:
        return f"CAST(timezone({self.sql(node, 'zone')}, {self.sql(node, 'this')}) AS DATE)"
    if node.expressions or is_literal(node.this):
        return str(DuckDB.Generator.TRANSFORMS[exp.Date](self, node))
    return f"CAST({naive_utc(self, node.this)} AS DATE)"


def current_date(self: Generator, node: exp.CurrentDate) -> str:
    """Return the current date in a zone, UTC by default."""
    return f"CAST(timezone({self.sql(node, 'this') or _UTC}, now()) AS DATE)"


def current_datetime(self: Generator, node: exp.CurrentDatetime) -> str:
    """Return the current DATETIME in a zone, UTC by default."""
    return f"timezone({self.sql(node, 'this') or _UTC}, now())"


def timestamp(self: Generator, node: exp.Timestamp) -> str:
    """Return a TIMESTAMP of a time in a zone, UTC by default."""
    if node.args.get("zone") is not None:
        return f"timezone({self.sql(node, 'zone')}, CAST({self.sql(node, 'this')} AS TIMESTAMP))"
    return instant(self, node.this)


def timestamp_trunc(self: Generator, node: exp.TimestampTrunc) -> str:
    """Truncate a TIMESTAMP in a zone, UTC by default."""
    zone = self.sql(node, "zone") or "'UTC'"
    unit, moment = str(node.args["unit"].name).upper(), f"timezone({zone}, {self.sql(node, 'this')})"
    if unit in ("WEEK", "SUNDAY"):  # DuckDB's weeks begin on Monday
        return f"timezone({zone}, date_trunc('week', {moment} + INTERVAL 1 DAY) - INTERVAL 1 DAY)"
    return f"timezone({zone}, date_trunc('{unit.removeprefix('ISO').lower()}', {moment}))"


def as_date(self: Generator, node: exp.Expression) -> str:
    """Cast the result of date arithmetic to DATE: DuckDB returns a TIMESTAMP."""
    default = DuckDB.Generator.TRANSFORMS.get(type(node))
    sql = default(self, node) if default else getattr(self, f"{node.key}_sql")(node)
    return f"CAST({sql} AS DATE)"


def extract(self: Generator, node: exp.Extract) -> str:
    """Return a part of a time in a zone, UTC by default."""
    part, source = node.name.upper(), node.expression
    if isinstance(source, exp.AtTimeZone):
        zone = self.sql(source, "zone")
        moment = f"timezone({zone}, {self.sql(source, 'this')})"
    else:
        moment = naive_utc(self, source)
    match part:
        case "DATE":
            return f"CAST({moment} AS DATE)"
        case "TIME":
            return f"CAST({moment} AS TIME)"
        case "DAYOFWEEK":
            return f"(date_part('dow', {moment}) + 1)"
        case "MICROSECOND" | "MILLISECOND":
            return f"(date_part('{part.lower()}', {moment}) % {1_000_000 if part == 'MICROSECOND' else 1_000})"
        case "ISOWEEK" | "ISOYEAR":
            return f"date_part('{'week' if part == 'ISOWEEK' else 'isoyear'}', {moment})"
    return f"date_part('{part.lower()}', {moment})"


def time_to_text(self: Generator, node: exp.TimeToStr) -> str:
    """Return the text of a time in a zone, UTC by default."""
    zone = node.args.get("zone")
    inner = node.this.this if isinstance(node.this, exp.TsOrDsToTimestamp | exp.TsOrDsToDatetime) else None
    moment = self.sql(node, "this") if inner is None else naive_utc(self, inner)
    if zone is not None and inner is not None:
        moment = f"timezone({self.sql(zone)}, {self.sql(inner)})"
    return f"strftime({moment}, {self.format_time(node)})"


def timestamp_difference(self: Generator, node: exp.TimestampDiff) -> str:
    """Count whole intervals, as BigQuery does; DuckDB's date_diff counts boundaries."""
    size = _MICROSECONDS[node.args["unit"].name.upper()]
    return f"((epoch_us({self.sql(node, 'this')}) - epoch_us({self.sql(node, 'expression')})) // {size})"


def from_unix(self: Generator, node: exp.UnixToTime) -> str:
    """Return a TIMESTAMP of seconds, milliseconds or microseconds since 1970."""
    scale = node.args.get("scale")
    factor = {"3": "000", "6": ""}.get(scale.name if scale is not None else "", "000000")
    return f"timezone('UTC', make_timestamp(CAST({self.sql(node, 'this')} AS BIGINT) * 1{factor}))"


def parse_timestamp(self: Generator, node: exp.StrToTime) -> str:
    """Return a TIMESTAMP of text in a format."""
    return f"timezone('UTC', strptime({self.sql(node, 'this')}, {self.format_time(node)}))"
