"""What the API reads from BigQuery: figures, telemetry, dead letters, data of events, and records as of a time.

Every value of a request is a query parameter. A query is bounded in time, and in bytes if the service is told so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from fastapi.concurrency import run_in_threadpool
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from schemas.read_model.select import Resource, plain
from schemas.tables.column import Column
from schemas.tables.definitions import PIPELINE_METRICS, TABLES
from schemas.tables.table import count, text, time
from schemas.timestamps import parse_rfc3339, to_datetime
from services.api.data.errors import Unavailable

QUERY_SECONDS = 30.0
AS_OF = {"orders": "order_current_as_of", "customers": "customer_current_as_of", "stock": "stock_level_as_of"}
"""The table function of a resource as of a time."""
REVENUE: tuple[Column, ...] = (
    Column("day", "DATE", "the UTC day of the payments' event time", required=True),
    text("currency", "ISO 4217 code"),
    Column("amount", "NUMERIC", "sum of the payments; NULL if it is beyond NUMERIC"),
    count("payments", "number of payments"),
)
TELEMETRY = tuple(
    next(column for column in TABLES["iot_telemetry"].columns if column.name == name)
    for name in ("event_time", "event_id", "device_id", "metric", "value", "unit", "publish_time")
)
METRICS = tuple(column for column in PIPELINE_METRICS.columns if column.name != "run_id")
DEAD_LETTERS: tuple[Column, ...] = (
    text("dead_letter_id", "the dead letter"),
    text("state", "open, redriven, resolved or given up"),
    time("failed_time", "publish time of its message, or the start of the run"),
    text("stage", "stage of the check that rejected it"),
    text("error_code", "the contract's code"),
    Column("path", "STRING", "the field that was rejected"),
    Column("table_name", "STRING", "stage sink: the table that rejected the row"),
    Column("column_name", "STRING", "stage sink: the column that the table named"),
    text("topic", "the topic it came on"),
    Column("message_id", "STRING", "the bus's name of the message"),
    Column("event_id", "STRING", "the event's UUID if it could be read"),
    Column("event_type", "STRING", "the event's type if it could be read"),
    count("attempt", "1 for the first failure"),
    count("redrives", "how often it was sent again"),
)


class Queries(Protocol):
    """The narrow interface to BigQuery: a statement with typed parameters, and its rows."""

    def rows(self, sql: str, parameters: Sequence[bigquery.ScalarQueryParameter]) -> list[Mapping[str, Any]]:
        """Return the rows; raise Unavailable if BigQuery does not answer."""

    def table(self, dataset: str, name: str) -> str:
        """Return `project.dataset.name`; dataset is event_store or analytics."""


@dataclass(frozen=True, kw_only=True)
class BigQueryQueries:
    """Queries of one project's stores.

    Args:
        client: Google's client, or that of an emulator.
        project: project of the datasets.
        event_store: dataset of the event store.
        analytics: dataset of the read side.
        max_bytes_billed: a query that reads more fails; None: no bound.
    """

    client: bigquery.Client
    project: str
    event_store: str = "event_store"
    analytics: str = "analytics"
    max_bytes_billed: int | None = None

    def rows(self, sql: str, parameters: Sequence[bigquery.ScalarQueryParameter]) -> list[Mapping[str, Any]]:
        """Return the rows of a query."""
        config = bigquery.QueryJobConfig(query_parameters=list(parameters))
        if self.max_bytes_billed is not None:
            config.maximum_bytes_billed = self.max_bytes_billed
        try:
            result = self.client.query(sql, job_config=config, timeout=QUERY_SECONDS).result(timeout=QUERY_SECONDS)
            return [dict(row.items()) for row in result]
        except (GoogleAPICallError, RetryError, GoogleAuthError, OSError, TimeoutError):
            raise Unavailable("BigQuery does not answer") from None

    def table(self, dataset: str, name: str) -> str:
        """Return the quoted name of a table."""
        return f"`{self.project}.{self.event_store if dataset == 'event_store' else self.analytics}.{name}`"


class Analytics:
    """The reads of the API; without `queries` every one of them is unavailable."""

    def __init__(self, queries: Queries | None) -> None:
        self._queries = queries

    async def as_of(
        self,
        resource: Resource,
        moment: str,
        *,
        equal: Mapping[str, str | None],
        limit: int,
        offset: int = 0,
        after: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return records as the events up to a time (RFC 3339) make them."""
        keys = ", ".join(f"IFNULL({name}, '')" for name in resource.key)
        conditions, parameters = _equal(equal)
        parameters.append(_time("as_of", moment))
        if after is not None:
            conditions.append(_after(resource.key, after, parameters))
        source = self._source.table("analytics", AS_OF[resource.name])
        rows = await self._rows(
            f"SELECT * FROM {source}(@as_of){_where(conditions)} ORDER BY {keys}"
            f" LIMIT {int(limit)} OFFSET {int(offset)}",
            parameters,
        )
        held = [column for column in resource.columns if not rows or column.name in rows[0]]
        return [{column.name: plain(column, row[column.name]) for column in held} for row in rows]

    async def event_data(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the data of events by id, as it came."""
        if not ids:
            return {}
        names = [_text(f"id_{number}", event_id) for number, event_id in enumerate(ids)]
        marks = ", ".join(f"@{name.name}" for name in names)
        rows = await self._rows(
            "SELECT event_id, IFNULL(data_text, TO_JSON_STRING(data)) AS data"
            f" FROM {self._source.table('event_store', 'events_distinct')} WHERE event_id IN ({marks})",
            names,
        )
        return {row["event_id"]: row["data"] for row in rows}

    async def revenue(
        self, *, start: date | None, end: date | None, currency: str | None, as_of: str | None, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Return revenue per day and currency."""
        conditions, parameters = _equal({"currency": currency})
        for name, sign, day in (("start", ">=", start), ("end_day", "<", end)):
            if day is not None:
                conditions.append(f"day {sign} @{name}")
                parameters.append(bigquery.ScalarQueryParameter(name, "DATE", day))
        source = self._source.table("analytics", "revenue_by_day" if as_of is None else "revenue_by_day_as_of")
        if as_of is not None:
            source += "(@as_of)"
            parameters.append(_time("as_of", as_of))
        return self._plain(REVENUE, await self._rows(
            f"SELECT {_names(REVENUE)} FROM {source}{_where(conditions)} ORDER BY day, currency"
            f" LIMIT {int(limit)} OFFSET {int(offset)}", parameters,
        ))  # fmt: skip

    async def telemetry(
        self, device: str, *, start: str, end: str, metric: str | None, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Return measurements of a device in order, each event once."""
        conditions, parameters = _equal({"device_id": device, "metric": metric})
        conditions += ["publish_time >= @start", "publish_time < @end_time"]
        parameters += [_time("start", start), _time("end_time", end)]
        return self._plain(TELEMETRY, await self._rows(
            f"SELECT {_names(TELEMETRY)} FROM {self._source.table('analytics', 'iot_telemetry')}{_where(conditions)}"
            " QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, run_id) = 1"
            f" ORDER BY event_time, event_id LIMIT {int(limit)} OFFSET {int(offset)}", parameters,
        ))  # fmt: skip

    async def pipeline_metrics(
        self, *, start: str, end: str, topic: str | None, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Return the pipeline's metrics by window, newest first."""
        conditions, parameters = _equal({"topic": topic})
        conditions += ["window_start >= @start", "window_start < @end_time"]
        parameters += [_time("start", start), _time("end_time", end)]
        return self._plain(METRICS, await self._rows(
            f"SELECT {_names(METRICS)} FROM {self._source.table('analytics', PIPELINE_METRICS.name)}{_where(conditions)}"
            f" ORDER BY window_start DESC, topic, run_id LIMIT {int(limit)} OFFSET {int(offset)}", parameters,
        ))  # fmt: skip

    async def dead_letters(self, *, equal: Mapping[str, str | None], limit: int, offset: int) -> list[dict[str, Any]]:
        """Return dead letters, newest first, without their payload."""
        conditions, parameters = _equal(equal)
        return self._plain(DEAD_LETTERS, await self._rows(
            f"SELECT {_names(DEAD_LETTERS)} FROM {self._source.table('event_store', 'dead_letter_states')}"
            f"{_where(conditions)} ORDER BY failed_time DESC, dead_letter_id"
            f" LIMIT {int(limit)} OFFSET {int(offset)}", parameters,
        ))  # fmt: skip

    async def check(self) -> None:
        """Raise Unavailable unless BigQuery answers; a service without it is ready."""
        if self._queries is not None:
            await self._rows("SELECT 1 AS one", [])

    @property
    def _source(self) -> Queries:
        if self._queries is None:
            raise Unavailable("this service has no BigQuery: --project or --output names it")
        return self._queries

    async def _rows(self, sql: str, parameters: Sequence[bigquery.ScalarQueryParameter]) -> list[Mapping[str, Any]]:
        return await run_in_threadpool(self._source.rows, sql, parameters)

    def _plain(self, columns: Sequence[Column], rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{column.name: _cell(column, row[column.name]) for column in columns} for row in rows]


def _cell(column: Column, value: Any) -> Any:
    return value.isoformat() if column.type == "DATE" and value is not None else plain(column, value)


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _text(name: str, value: str) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def _time(name: str, value: str) -> bigquery.ScalarQueryParameter:
    """Return a parameter of a time, RFC 3339 in UTC."""
    return bigquery.ScalarQueryParameter(name, "TIMESTAMP", to_datetime(parse_rfc3339(value)[0]))


def _equal(equal: Mapping[str, str | None]) -> tuple[list[str], list[bigquery.ScalarQueryParameter]]:
    """Return the conditions of declared columns and their parameters; an unnamed warehouse is NULL in BigQuery."""
    given = {name: value for name, value in equal.items() if value is not None}
    conditions = [f"{name} = @{name}" for name in given]
    return conditions, [_text(name, value) for name, value in given.items()]


def _after(key: Sequence[str], after: Sequence[str], parameters: list[bigquery.ScalarQueryParameter]) -> str:
    """Return the condition of rows after a key: BigQuery compares no tuples."""
    parts = []
    for number, name in enumerate(key):
        parameters.append(_text(f"after_{number}", after[number]))
        same = [f"IFNULL({key[n]}, '') = @after_{n}" for n in range(number)]
        parts.append(" AND ".join([*same, f"IFNULL({name}, '') > @after_{number}"]))
    return f"({' OR '.join(parts)})"


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else " WHERE TRUE"
