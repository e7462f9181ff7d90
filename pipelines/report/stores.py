"""Queries of the report: the rows of a run, the time span of a chart, and exact percentiles."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from google.cloud import bigquery

from pipelines.report.timeline import choose_width
from schemas.timestamps import saturate, to_datetime

_TAIL_PERCENT = 2
"""The first and the last so many percent of the messages may be left out of a chart ..."""
_TAIL_SPAN = 0.25
"""... if they take longer than this share of the time that all others take."""


class TableNames(Protocol):
    """Names of the project and the datasets; `pipelines.stores.target.Target` has them."""

    @property
    def project(self) -> str: ...
    @property
    def event_store(self) -> str: ...
    @property
    def analytics(self) -> str: ...


class TimeSpan(NamedTuple):
    """The time span of a chart in buckets of `width` seconds; `total` also counts messages outside of the span."""

    first: datetime
    until: datetime
    width: int
    total: int

    @property
    def parameters(self) -> dict[str, int | datetime]:
        """The query parameters `first`, `until` and `width` (microseconds)."""
        return {"first": self.first, "until": self.until, "width": self.width * 1_000_000}


class Stores:
    """Queries the tables of a target for one run; `run_id` None: for all runs.

    `window_seconds`: the width of the run's windows. If it is below a minute, charts use buckets of this width.
    """

    def __init__(
        self, client: bigquery.Client, target: TableNames, run_id: str | None = None, window_seconds: int = 60
    ) -> None:
        self._client, self._run_id, self._unit = client, run_id, min(60, window_seconds)
        self.event_store = f"`{target.project}`.`{target.event_store}`"
        self.analytics = f"`{target.project}`.`{target.analytics}`"
        self.of_run = "TRUE" if run_id is None else "run_id = @run_id"

    def rows(self, sql: str, parameters: Mapping[str, int | datetime] | None = None) -> list[Any]:
        """Return all rows of a query; its parameters are those given, and `run_id` if the query uses it."""
        bound = [
            bigquery.ScalarQueryParameter(name, "INT64" if isinstance(value, int) else "TIMESTAMP", value)
            for name, value in (parameters or {}).items()
        ]
        if "@run_id" in sql:
            bound.append(bigquery.ScalarQueryParameter("run_id", "STRING", self._run_id))
        return list(self._client.query(sql, bigquery.QueryJobConfig(query_parameters=bound)).result())

    def time_span(self, table: str, column: str, amount: str, most: int) -> TimeSpan | None:
        """Return the time span of a chart of an analytics table in at most `most` buckets; None without rows.

        `column` has the times, `amount` is the SQL of the counted amount. A few messages days before or after all
        others would compress the rest of the chart: they are left out.
        """
        slots = f"""SELECT DIV(UNIX_MICROS({column}), {self._unit * 1_000_000}) AS slot, {amount} AS amount
            FROM {self.analytics}.{table} WHERE {self.of_run} GROUP BY slot"""
        (ends,) = self.rows(
            f"""WITH slots AS ({slots}), counted AS (
              SELECT slot, SUM(amount) OVER (ORDER BY slot) AS upto, SUM(amount) OVER () AS total FROM slots
            )
            SELECT MIN(slot) AS first, MAX(slot) AS last, MAX(total) AS total,
              MIN(IF(upto * 100 >= total * {_TAIL_PERCENT}, slot, NULL)) AS low,
              MIN(IF(upto * 100 >= total * {100 - _TAIL_PERCENT}, slot, NULL)) AS high
            FROM counted"""
        )
        if ends.first is None:
            return None
        longest = _TAIL_SPAN * (ends.high - ends.low)
        first = ends.low if ends.low - ends.first > longest else ends.first
        last = ends.high if ends.last - ends.high > longest else ends.last
        gaps = self.rows(
            f"""WITH slots AS ({slots}), steps AS (
              SELECT slot - LAG(slot) OVER (ORDER BY slot) AS gap FROM slots WHERE slot BETWEEN @low AND @high
            )
            SELECT gap FROM steps WHERE gap IS NOT NULL ORDER BY gap DESC LIMIT 10""",
            {"low": first, "high": last},
        )
        unit = self._unit
        width = choose_width(unit * (last - first), [unit * row.gap for row in gaps], most, unit)
        begin, end = unit * first // width * width, (unit * last // width + 1) * width
        return TimeSpan(time_of(begin * 1_000_000), time_of(end * 1_000_000), width, int(ends.total))


def percentiles(source: str, keys: str, value: str) -> str:
    """Return the query of total, p50, p95 and p99 (nearest rank) of a whole-numbered value for each key.

    Equal values are counted first, so the sort stays small if one key has a hundred million rows.
    """
    ranks = ", ".join(f"MIN(IF(upto * 100 >= total * {rank}, {value}, NULL)) AS p{rank}" for rank in (50, 95, 99))
    return f"""WITH counted AS (
          SELECT {keys}, {value}, COUNT(*) AS times FROM {source} GROUP BY {keys}, {value}
        ), ranked AS (
          SELECT {keys}, {value}, SUM(times) OVER (PARTITION BY {keys} ORDER BY {value}) AS upto,
            SUM(times) OVER (PARTITION BY {keys}) AS total
          FROM counted
        )
        SELECT {keys}, MAX(total) AS total, {ranks} FROM ranked GROUP BY {keys}"""


def time_of(micros: int) -> datetime:
    """Return an instant from microseconds since 1970, at most the last TIMESTAMP."""
    return to_datetime(saturate(micros))
