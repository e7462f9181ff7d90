"""Generate DuckDB SQL with the meaning of GoogleSQL, from sqlglot's DuckDB dialect.

Mostly time zones: BigQuery's functions work in UTC, DuckDB's in the session's zone, and a stored view is read in any
session. `_utc` is the naive UTC time of a TIMESTAMP, DATETIME or DATE alike. What stays as DuckDB has it: CAST between
TIMESTAMP and text, DATE or DATETIME follows the session's zone (a view writes DATE(x) instead), and AVG of NUMERIC is a
float.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from pipelines.bigquery_emulator.sql.numbers import number_as_text, sum_as_numeric

_MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
_TEXT = (exp.JSONExtractScalar, exp.JSONValue, exp.Concat, exp.DPipe)
_UTC = "'UTC'"
_JSON = (exp.Dot, exp.Bracket, exp.JSONExtract)

Generator = Any


def _is_literal(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _utc(self: Generator, node: exp.Expression) -> str:
    """Return the naive UTC time of a TIMESTAMP, DATETIME or DATE; cast text."""
    if isinstance(node, _TEXT) or _is_literal(node):
        return f"CAST({self.sql(node)} AS TIMESTAMP)"
    return f"make_timestamp(epoch_us({self.sql(node)}))"


def _instant(self: Generator, node: exp.Expression) -> str:
    """Return a TIMESTAMP from text, DATETIME or DATE; without a zone they are in UTC."""
    if _is_literal(node):
        day, rest = node.name[:10], node.name[10:]
        zoned = any(mark in rest for mark in ("Z", "z", "+", "-", "UTC", "/"))
        text = node.name if zoned else f"{day}{rest or ' 00:00:00'}+00:00"
        return f"CAST('{text}' AS TIMESTAMPTZ)"
    if isinstance(node, _TEXT):
        return f"CAST({self.sql(node)} AS TIMESTAMPTZ)"
    return f"timezone('UTC', {_utc(self, node)})"


def _is(cast: exp.Cast, name: str) -> bool:
    """Report whether a cast is to a type of this name, without parameters."""
    return cast.to.this == exp.DataType.Type[name] and not cast.to.expressions


def _cast(self: Generator, node: exp.Cast) -> str:
    if node.to.this == exp.DataType.Type.TIMESTAMPTZ and _is_literal(node.this):
        return _instant(self, node.this)
    inner = node.this.this if isinstance(node.this, exp.Sum) else None
    if _is(node, "DECIMAL") and isinstance(inner, exp.Cast) and _is(inner, "BIGDECIMAL"):
        return sum_as_numeric(self.sql(inner, "this"), safe=isinstance(node, exp.TryCast))
    sql = str(self.trycast_sql(node) if isinstance(node, exp.TryCast) else self.cast_sql(node))
    if node.to.this == exp.DataType.Type.TEXT and not _is_literal(node.this) and not isinstance(node.this, _TEXT):
        return number_as_text(self.sql(node, "this"), sql)
    return sql


def _literal(self: Generator, node: exp.Literal) -> str:
    """Write 1.5 as a float and the integers of a product with 64 bits; DuckDB uses DECIMAL and 32 bits."""
    if node.is_string:
        return str(self.literal_sql(node))
    if "." in node.name and "e" not in node.name.lower():
        return f"{node.name}e0"
    return f"{node.name}::BIGINT" if isinstance(node.parent, exp.Mul) else node.name


def _data_type(self: Generator, node: exp.DataType) -> str:
    if node.this == exp.DataType.Type.DECIMAL and not node.expressions:
        return "DECIMAL(38, 9)"
    if node.this == exp.DataType.Type.BIGDECIMAL:
        return "DECIMAL(38, 18)"
    return str(self.datatype_sql(node))


def _date(self: Generator, node: exp.Date) -> str:
    if node.args.get("zone") is not None:
        return f"CAST(timezone({self.sql(node, 'zone')}, {self.sql(node, 'this')}) AS DATE)"
    if node.expressions or _is_literal(node.this):
        return str(DuckDB.Generator.TRANSFORMS[exp.Date](self, node))
    return f"CAST({_utc(self, node.this)} AS DATE)"


def _current_date(self: Generator, node: exp.CurrentDate) -> str:
    return f"CAST(timezone({self.sql(node, 'this') or _UTC}, now()) AS DATE)"


def _current_datetime(self: Generator, node: exp.CurrentDatetime) -> str:
    return f"timezone({self.sql(node, 'this') or _UTC}, now())"


def _timestamp(self: Generator, node: exp.Timestamp) -> str:
    if node.args.get("zone") is not None:
        return f"timezone({self.sql(node, 'zone')}, CAST({self.sql(node, 'this')} AS TIMESTAMP))"
    return _instant(self, node.this)


def _timestamp_trunc(self: Generator, node: exp.TimestampTrunc) -> str:
    zone = self.sql(node, "zone") or "'UTC'"
    unit, moment = str(node.args["unit"].name).upper(), f"timezone({zone}, {self.sql(node, 'this')})"
    if unit in ("WEEK", "SUNDAY"):  # DuckDB's weeks begin on Monday
        return f"timezone({zone}, date_trunc('week', {moment} + INTERVAL 1 DAY) - INTERVAL 1 DAY)"
    return f"timezone({zone}, date_trunc('{unit.removeprefix('ISO').lower()}', {moment}))"


def _as_date(self: Generator, node: exp.Expression) -> str:
    """Cast the result of date arithmetic to DATE: DuckDB returns a TIMESTAMP."""
    default = DuckDB.Generator.TRANSFORMS.get(type(node))
    sql = default(self, node) if default else getattr(self, f"{node.key}_sql")(node)
    return f"CAST({sql} AS DATE)"


def _extract(self: Generator, node: exp.Extract) -> str:
    part, source = node.name.upper(), node.expression
    if isinstance(source, exp.AtTimeZone):
        zone = self.sql(source, "zone")
        moment = f"timezone({zone}, {self.sql(source, 'this')})"
    else:
        moment = _utc(self, source)
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


def _time_to_text(self: Generator, node: exp.TimeToStr) -> str:
    zone = node.args.get("zone")
    inner = node.this.this if isinstance(node.this, exp.TsOrDsToTimestamp | exp.TsOrDsToDatetime) else None
    moment = self.sql(node, "this") if inner is None else _utc(self, inner)
    if zone is not None and inner is not None:
        moment = f"timezone({self.sql(zone)}, {self.sql(inner)})"
    return f"strftime({moment}, {self.format_time(node)})"


def _timestamp_difference(self: Generator, node: exp.TimestampDiff) -> str:
    """Count whole intervals, as BigQuery does; DuckDB's date_diff counts boundaries."""
    size = _MICROSECONDS[node.args["unit"].name.upper()]
    return f"((epoch_us({self.sql(node, 'this')}) - epoch_us({self.sql(node, 'expression')})) // {size})"


def _from_unix(self: Generator, node: exp.UnixToTime) -> str:
    scale = node.args.get("scale")
    factor = {"3": "000", "6": ""}.get(scale.name if scale is not None else "", "000000")
    return f"timezone('UTC', make_timestamp(CAST({self.sql(node, 'this')} AS BIGINT) * 1{factor}))"


def _parse_timestamp(self: Generator, node: exp.StrToTime) -> str:
    return f"timezone('UTC', strptime({self.sql(node, 'this')}, {self.format_time(node)}))"


def _integer_division(self: Generator, node: exp.IntDiv) -> str:
    return f"(({self.sql(node, 'this')}) // ({self.sql(node, 'expression')}))"


def _text_of(self: Generator, node: exp.String) -> str:
    path = isinstance(node.this, _JSON) or (isinstance(node.this, exp.Column) and node.this.table)
    return f"({self.sql(node, 'this')} ->> '$')" if path else str(self.string_sql(node))


def _json_as(type_: str) -> Any:
    return lambda self, node: f"CAST({self.sql(node, 'this')} AS {type_})"


def _array_agg(self: Generator, node: exp.ArrayAgg, ignore_nulls: bool = False) -> str:
    """Write ARRAY_AGG with IGNORE NULLS as a filter, and its LIMIT as a slice."""
    inner, limit = node.this, None
    if isinstance(inner, exp.Limit):
        limit, inner = self.sql(inner, "expression"), inner.this
    value = inner
    while isinstance(value, exp.Order):
        value = value.this
    if isinstance(value, exp.Distinct):
        value = value.expressions[0]
    keep = f" FILTER (WHERE {self.sql(value)} IS NOT NULL)" if ignore_nulls else ""
    sql = f"array_agg({self.sql(inner)}){keep}"
    return f"list_slice({sql}, 1, {limit})" if limit else sql


def _ignore_nulls(self: Generator, node: exp.IgnoreNulls) -> str:
    if isinstance(node.this, exp.ArrayAgg):
        return _array_agg(self, node.this, ignore_nulls=True)
    return str(self.ignorenulls_sql(node))


def _format(self: Generator, node: exp.Format) -> str:
    return self.func("printf", node.this, *node.expressions)  # type: ignore[no-any-return]


def _approximate_quantiles(self: Generator, node: exp.ApproxQuantiles) -> str:
    count = int(node.expression.name)
    points = ", ".join(str(number / count) for number in range(count + 1))
    return f"approx_quantile({self.sql(node, 'this')}, [{points}]::FLOAT[])"


def _anonymous(self: Generator, node: exp.Anonymous) -> str:
    if node.name.upper() == "TIMESTAMP_BUCKET":
        return f"time_bucket({self.sql(node.expressions[1])}, {self.sql(node.expressions[0])})"
    return str(self.anonymous_sql(node))


class DuckForGoogle(DuckDB):
    """DuckDB for statements that were parsed as GoogleSQL; for generating only."""

    class Generator(DuckDB.Generator):
        """DuckDB's generator with the differences above."""

        TRANSFORMS = {
            **DuckDB.Generator.TRANSFORMS,
            exp.Anonymous: _anonymous,
            exp.ApproxQuantiles: _approximate_quantiles,
            exp.ArrayAgg: _array_agg,
            exp.Cast: _cast,
            exp.TryCast: _cast,
            exp.CurrentDate: _current_date,
            exp.CurrentDatetime: _current_datetime,
            exp.DataType: _data_type,
            exp.Date: _date,
            exp.DateAdd: _as_date,
            exp.DateSub: _as_date,
            exp.DateTrunc: _as_date,
            exp.Extract: _extract,
            exp.Float64: _json_as("DOUBLE"),
            exp.Format: _format,
            exp.IgnoreNulls: _ignore_nulls,
            exp.IntDiv: _integer_division,
            exp.Literal: _literal,
            exp.JSONBool: _json_as("BOOLEAN"),
            exp.StrToTime: _parse_timestamp,
            exp.String: _text_of,
            exp.TimeToStr: _time_to_text,
            exp.Timestamp: _timestamp,
            exp.TimestampDiff: _timestamp_difference,
            exp.TimestampTrunc: _timestamp_trunc,
            exp.TsOrDsToDatetime: lambda self, node: _utc(self, node.this),
            exp.UnixToTime: _from_unix,
        }
