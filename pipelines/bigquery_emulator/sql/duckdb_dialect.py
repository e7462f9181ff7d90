"""Generate DuckDB SQL with the meaning of GoogleSQL, from sqlglot's DuckDB dialect.

Dates and times are in duckdb_times.py. Known differences: CAST between TIMESTAMP and text, DATE or DATETIME follows the
session's zone (a view writes DATE(x) instead), and AVG of NUMERIC is a float.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from pipelines.bigquery_emulator.sql import duckdb_times as times
from pipelines.bigquery_emulator.sql.numbers import number_as_text, sum_as_numeric

_JSON = (exp.Dot, exp.Bracket, exp.JSONExtract)

Generator = Any


def _is(cast: exp.Cast, name: str) -> bool:
    """Report whether a cast is to a type of this name, without parameters."""
    return cast.to.this == exp.DataType.Type[name] and not cast.to.expressions


def _cast(self: Generator, node: exp.Cast) -> str:
    if node.to.this == exp.DataType.Type.TIMESTAMPTZ and times.is_literal(node.this):
        return times.instant(self, node.this)
    inner = node.this.this if isinstance(node.this, exp.Sum) else None
    if _is(node, "DECIMAL") and isinstance(inner, exp.Cast) and _is(inner, "BIGDECIMAL"):
        return sum_as_numeric(self.sql(inner, "this"), safe=isinstance(node, exp.TryCast))
    sql = str(self.trycast_sql(node) if isinstance(node, exp.TryCast) else self.cast_sql(node))
    if (
        node.to.this == exp.DataType.Type.TEXT
        and not times.is_literal(node.this)
        and not isinstance(node.this, times.TEXT)
    ):
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
            exp.CurrentDate: times.current_date,
            exp.CurrentDatetime: times.current_datetime,
            exp.DataType: _data_type,
            exp.Date: times.date,
            exp.DateAdd: times.as_date,
            exp.DateSub: times.as_date,
            exp.DateTrunc: times.as_date,
            exp.Extract: times.extract,
            exp.Float64: _json_as("DOUBLE"),
            exp.Format: _format,
            exp.IgnoreNulls: _ignore_nulls,
            exp.IntDiv: _integer_division,
            exp.Literal: _literal,
            exp.JSONBool: _json_as("BOOLEAN"),
            exp.StrToTime: times.parse_timestamp,
            exp.String: _text_of,
            exp.TimeToStr: times.time_to_text,
            exp.Timestamp: times.timestamp,
            exp.TimestampDiff: times.timestamp_difference,
            exp.TimestampTrunc: times.timestamp_trunc,
            exp.TsOrDsToDatetime: lambda self, node: times.naive_utc(self, node.this),
            exp.UnixToTime: times.from_unix,
        }
