"""GoogleSQL on DuckDB returns what BigQuery returns, in every time zone of the session: a stored view is read in any."""

import datetime
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.sql.translate import Dialect

TABLE = """
    create schema d;
    create table d.t as
    select 'a' id, timestamptz '2024-01-15 02:30:45.123456+00' ts, timestamp '2024-01-15 02:30:45' dt,
           date '2024-01-15' dd, '{"a": {"b": "x", "n": 5}, "l": [1, 2], "z": null}'::json j, 7::bigint i,
           1.25::decimal(38, 9) n, ['p', 'q'] l, [{'s': 'k', 'q': 2::bigint}] it, null::varchar nu
    union all
    select 'b', timestamptz '2024-02-15 23:30:45+00', timestamp '2024-02-15 23:30:45', date '2024-02-15',
           '{"a": {"b": "y"}}'::json, 8, 2.5, [], [], 'w'
"""
NEWEST = "PARTITION BY 1 ORDER BY ts DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"


@pytest.fixture(scope="module", params=["America/New_York", "UTC", "Asia/Kathmandu"])
def session(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"set timezone = '{request.param}'; {TABLE}").fetchall()
        yield connection


def plain(value: Any) -> Any:
    """Return a value as it is written in the table below: times in UTC."""
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat() + "Z"
    return value.isoformat() if isinstance(value, datetime.date) else value


# One expression over one row: `a` is the first row, `b` the second.
EXPRESSIONS: list[tuple[str, str, Any]] = [
    ("a", "DATE(ts)", "2024-01-15"),
    ("b", "DATE(ts)", "2024-02-15"),
    ("a", "DATE(dt)", "2024-01-15"),
    ("a", "DATE(dd)", "2024-01-15"),
    ("b", "DATE(DATETIME(ts, 'UTC'))", "2024-02-15"),
    ("a", "DATE(ts, 'America/New_York')", "2024-01-14"),
    ("a", "DATETIME(ts, 'America/New_York')", "2024-01-14T21:30:45.123456"),
    ("b", "DATETIME(ts)", "2024-02-15T23:30:45"),
    ("b", "TIMESTAMP(dt)", "2024-02-15T23:30:45Z"),
    ("b", "TIMESTAMP(dd)", "2024-02-15T00:00:00Z"),
    ("a", "TIMESTAMP '2024-01-01'", "2024-01-01T00:00:00Z"),
    ("a", "TIMESTAMP('2024-01-01 10:00:00')", "2024-01-01T10:00:00Z"),
    ("a", "TIMESTAMP '2024-01-01 10:00:00+02:00'", "2024-01-01T08:00:00Z"),
    ("a", "CAST('2024-01-01 00:00:00' AS TIMESTAMP)", "2024-01-01T00:00:00Z"),
    ("a", "TIMESTAMP_TRUNC(ts, DAY)", "2024-01-15T00:00:00Z"),
    ("a", "TIMESTAMP_TRUNC(ts, HOUR)", "2024-01-15T02:00:00Z"),
    ("a", "TIMESTAMP_TRUNC(ts, MONTH)", "2024-01-01T00:00:00Z"),
    ("a", "TIMESTAMP_TRUNC(TIMESTAMP '2024-01-17', WEEK)", "2024-01-14T00:00:00Z"),
    ("a", "TIMESTAMP_TRUNC(TIMESTAMP '2024-01-17', ISOWEEK)", "2024-01-15T00:00:00Z"),
    ("a", "DATE_TRUNC(dd, MONTH)", "2024-01-01"),
    ("a", "DATE_ADD(dd, INTERVAL 1 MONTH)", "2024-02-15"),
    ("a", "DATE_SUB(dd, INTERVAL 15 DAY)", "2023-12-31"),
    ("a", "DATE_DIFF(dd, DATE '2024-01-01', DAY)", 14),
    ("a", "TIMESTAMP_ADD(ts, INTERVAL 90 SECOND)", "2024-01-15T02:32:15.123456Z"),
    ("a", "TIMESTAMP_DIFF(ts, TIMESTAMP '2024-01-15', SECOND)", 9045),
    ("a", "TIMESTAMP_DIFF(ts, TIMESTAMP '2024-01-14 03:00:00', DAY)", 0),
    ("a", "TIMESTAMP_DIFF(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-01 00:00:01.5', SECOND)", -1),
    ("a", "EXTRACT(DAY FROM ts)", 15),
    ("a", "EXTRACT(DATE FROM ts)", "2024-01-15"),
    ("a", "EXTRACT(DAYOFWEEK FROM ts)", 2),
    ("a", "EXTRACT(MICROSECOND FROM ts)", 123456),
    ("a", "EXTRACT(HOUR FROM ts AT TIME ZONE 'Asia/Tokyo')", 11),
    ("a", "FORMAT_TIMESTAMP('%Y-%m-%d %H', ts)", "2024-01-15 02"),
    ("a", "FORMAT_TIMESTAMP('%H', ts, 'Asia/Tokyo')", "11"),
    ("a", "FORMAT_DATE('%d/%m', dd)", "15/01"),
    ("a", "PARSE_TIMESTAMP('%Y-%m-%d', '2024-01-15')", "2024-01-15T00:00:00Z"),
    ("a", "CURRENT_DATE() = DATE(CURRENT_TIMESTAMP())", True),
    ("a", "CURRENT_DATETIME() = DATETIME(CURRENT_TIMESTAMP())", True),
    ("a", "UNIX_MICROS(ts)", 1705285845123456),
    ("a", "TIMESTAMP_SECONDS(1705285845)", "2024-01-15T02:30:45Z"),
    ("a", "TIMESTAMP_MILLIS(1705285845123)", "2024-01-15T02:30:45.123000Z"),
    ("a", "TIMESTAMP_MICROS(1705285845123456)", "2024-01-15T02:30:45.123456Z"),
    ("a", "TIMESTAMP_SECONDS(DIV(UNIX_MICROS(ts), 60 * 1000000) * 60)", "2024-01-15T02:30:00Z"),
    ("a", "TIMESTAMP_BUCKET(ts, INTERVAL 1 HOUR)", "2024-01-15T02:00:00Z"),
    ("a", "DIV(-7, 2)", -3),
    ("a", "86400 * 1000000", 86_400_000_000),
    ("a", "7 / 2", 3.5),
    ("a", "1.5", 1.5),
    ("a", "SAFE_DIVIDE(1, 0)", None),
    ("a", "CAST(CAST('1.000000001' AS NUMERIC) AS STRING)", "1.000000001"),
    ("a", "SAFE_CAST('x' AS NUMERIC)", None),
    ("a", "SAFE_CAST(SAFE_CAST('1e30' AS NUMERIC) AS INT64)", None),
    ("a", "JSON_VALUE(j, '$.a.b')", "x"),
    ("a", "JSON_VALUE(j, '$.a.n')", "5"),
    ("a", "JSON_VALUE(j, '$.a')", None),
    ("a", "JSON_VALUE(j, '$.z')", None),
    ("a", "STRING(j.a.b)", "x"),
    ("a", "INT64(j.a.n)", 5),
    ("a", "ARRAY_LENGTH(JSON_QUERY_ARRAY(j, '$.l'))", 2),
    ("a", "l[OFFSET(0)]", "p"),
    ("a", "l[ORDINAL(2)]", "q"),
    ("a", "l[SAFE_OFFSET(9)]", None),
    ("a", "'p' IN UNNEST(l)", True),
    ("a", "(SELECT SUM(x.q) FROM UNNEST(it) AS x)", 2),
    ("a", "EXISTS (SELECT 1 FROM UNNEST(l) AS x WHERE x = 'q')", True),
    ("a", "CONCAT(id, '-', i)", "a-7"),
    ("a", "FORMAT('%s-%d', id, i)", "a-7"),
    ("a", "REGEXP_EXTRACT('abc', r'b(.)')", "c"),
    ("a", "TO_HEX(SHA256('x'))", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
    ("a", "IFNULL(nu, 'e')", "e"),
    ("a", "IF(i > 7, 'x', 'y')", "y"),
]


@pytest.mark.parametrize(("row", "expression", "expected"), EXPRESSIONS, ids=[text for _, text, _ in EXPRESSIONS])
def test_an_expression_has_the_value_of_bigquery(
    session: duckdb.DuckDBPyConnection, row: str, expression: str, expected: Any
) -> None:
    sql = Dialect("local").query(f"SELECT {expression} AS v FROM `local.d.t` AS t WHERE id = '{row}'")
    [(value,)] = session.execute(sql).fetchall()
    assert plain(value) == expected


QUERIES: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("SELECT ARRAY_AGG(id ORDER BY ts DESC LIMIT 1) FROM d.t", [(["b"],)]),
    ("SELECT ARRAY_AGG(nu IGNORE NULLS ORDER BY ts DESC LIMIT 1)[SAFE_OFFSET(0)] FROM d.t", [("w",)]),
    ("SELECT ARRAY_AGG(nu IGNORE NULLS) FROM d.t", [(["w"],)]),
    ("SELECT ARRAY_AGG(STRUCT(id, i) ORDER BY i DESC LIMIT 1)[OFFSET(0)].id FROM d.t", [("b",)]),
    ("SELECT STRING_AGG(id, '-' ORDER BY ts DESC), COUNTIF(i > 7), MAX_BY(id, ts) FROM d.t", [("b-a", 1, "b")]),
    ("SELECT ANY_VALUE(id HAVING MAX ts), LOGICAL_OR(i > 7) FROM d.t", [("b", True)]),
    ("SELECT SUM(i) FROM (SELECT i FROM d.t QUALIFY ROW_NUMBER() OVER (ORDER BY ts) = 1)", [(7,)]),
    (
        "SELECT FIRST_VALUE(nu IGNORE NULLS) OVER w, COUNT(*) OVER w FROM d.t "
        f"QUALIFY ROW_NUMBER() OVER (ORDER BY ts) = 1 WINDOW w AS ({NEWEST})",
        [("w", 2)],
    ),
    ("SELECT x FROM d.t AS t, UNNEST(t.l) AS x ORDER BY x", [("p",), ("q",)]),
    ("SELECT x, o FROM d.t CROSS JOIN UNNEST(l) AS x WITH OFFSET AS o WHERE o > 0", [("q", 1)]),
    ("SELECT id, x.q FROM d.t LEFT JOIN UNNEST(it) AS x ORDER BY id", [("a", 2), ("b", None)]),
    ("SELECT id FROM d.t ORDER BY nu", [("a",), ("b",)]),
    ("SELECT id FROM d.t ORDER BY nu DESC", [("b",), ("a",)]),
    ("SELECT * EXCEPT (ts, dt, dd, j, n, l, it, nu) FROM d.t WHERE id = 'a'", [("a", 7)]),
    ("WITH t AS (SELECT 5 AS i) SELECT SUM(i) FROM t", [(5,)]),
    ("SELECT SUM(i) FROM t", [(15,)]),
    ("SELECT COUNT(*) FROM `local`.d.t TABLESAMPLE SYSTEM (1 PERCENT)", [(2,)]),
    ("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 2)) AS x ORDER BY x", [(1,), (2,)]),
    ("SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES", [("t",)]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[sql for sql, _ in QUERIES])
def test_a_query_returns_the_rows_of_bigquery(
    session: duckdb.DuckDBPyConnection, sql: str, expected: list[tuple[Any, ...]]
) -> None:
    assert session.execute(Dialect("local", "d").query(sql)).fetchall() == expected


@pytest.mark.parametrize("sql", ["", "SELECT 'x", "SELECT * FROM (SELECT 1", "SELECT 1; SELECT 2", "DELETE FROM d.t"])
def test_text_that_is_not_one_query_is_rejected(sql: str) -> None:
    with pytest.raises(ApiError) as raised:
        Dialect("local").query(sql)
    assert raised.value.reason == "invalidQuery"
    assert "\n" not in raised.value.message
