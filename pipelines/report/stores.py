"""How the report asks the stores: one run's rows, the time that a chart shows, and percentiles that are exact."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from google.cloud import bigquery

from pipelines.report.timeline import choose_width
from schemas.timestamps import saturate, to_datetime

_TAIL_PERCENT = 2
"""The first and the last so many percent of the messages may be left outside of a chart ..."""
_TAIL_SPAN = 0.25
"""... where they take longer than this share of the time that all others take."""


class Where(Protocol):
    """Where the tables are; a `pipelines.stores.target.Target` is one."""

    @property
    def project(self) -> str: ...
    @property
    def event_store(self) -> str: ...
    @property
    def analytics(self) -> str: ...


class Stretch(NamedTuple):
    """The time that a chart shows, cut into buckets of `width` seconds; `total` counts what lies outside too."""

    first: datetime
    until: datetime
    width: int
    total: int

    @property
    def parameters(self) -> dict[str, int | datetime]:
        """The query parameters `first`, `until` and `width` (microseconds)."""
        return {"first": self.first, "until": self.until, "width": self.width * 1_000_000}


class Stores:
    """Asks the tables of a target about one run; `run_id` None: about all.

    `window_seconds`: the width of the run's windows. Charts of a run with windows under a minute are as fine as these.
    """

    def __init__(
        self, client: bigquery.Client, where: Where, run_id: str | None = None, window_seconds: int = 60
    ) -> None:
        self._client, self._run_id, self._unit = client, run_id, min(60, window_seconds)
        self.event_store = f"`{where.project}`.`{where.event_store}`"
        self.analytics = f"`{where.project}`.`{where.analytics}`"
        self.of_run = "TRUE" if run_id is None else "run_id = @run_id"

    def rows(self, sql: str, parameters: Mapping[str, int | datetime] | None = None) -> list[Any]:
        """Return all rows of a query; its parameters are those given, and `run_id` where it names that."""
        bound = [
            bigquery.ScalarQueryParameter(name, "INT64" if isinstance(value, int) else "TIMESTAMP", value)
            for name, value in (parameters or {}).items()
        ]
        if "@run_id" in sql:
            bound.append(bigquery.ScalarQueryParameter("run_id", "STRING", self._run_id))
        return list(self._client.query(sql, bigquery.QueryJobConfig(query_parameters=bound)).result())

    def stretch(self, table: str, column: str, amount: str, most: int) -> Stretch | None:
        """Return which time a chart of an analytics table shows in at most `most` buckets; None without rows.

        `column` holds the times, `amount` is the SQL of what is counted. A few messages that came days after all
        others, or before them, would make a sliver of these: then they stay outside.
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
        return Stretch(time_of(begin * 1_000_000), time_of(end * 1_000_000), width, int(ends.total))


def percentiles(source: str, keys: str, value: str) -> str:
    """Return the query of total, p50, p95 and p99 (nearest rank) of a whole-numbered value for each key.

    Equal values are counted first, so the sort stays small where one key has a hundred million rows.
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
