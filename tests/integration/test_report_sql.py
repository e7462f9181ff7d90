"""Every statement of the report before Google's own SQL engine: what runs on the laptop's DuckDB runs on BigQuery."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from zetasql.core import ZetaSQLError

from pipelines.report import queries, saga_queries
from pipelines.report.stores import Stores, TimeSpan
from schemas.tables.definitions import DATASET_OF, TABLES
from schemas.views import all_views
from tests.support.zetasql_engine import NAMES, ZetaSql
from transforms.sagas.history import history_query
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = TimeSpan(MOMENT, MOMENT, 60, 1)


class Recorder(Stores):
    """Notes what is asked, with values in place of parameters, and answers nothing."""

    def __init__(self, run_id: str | None) -> None:
        super().__init__(None, NAMES, run_id)
        self.asked: list[str] = []

    def rows(self, sql: str, parameters: Any = None) -> list[Any]:
        values = {"run_id": "'r'"}
        for name, value in (parameters or {}).items():
            values[name] = str(value) if isinstance(value, int) else f"TIMESTAMP '{value.isoformat()}'"
        self.asked.append(re.sub(r"@(\w+)", lambda match: values[match[1]], sql))
        ends = SimpleNamespace(first=0, last=9, low=1, high=8, total=10)
        return [ends] if "AS high" in sql and "AS last" in sql else []


def asked(run_id: str | None) -> list[str]:
    stores = Recorder(run_id)
    stores.time_span("pipeline_metrics", "window_start", "SUM(received)", 500)
    stores.time_span("iot_telemetry", "event_time", "COUNT(*)", 500)
    queries.received(stores, SPAN)
    queries.is_stream(stores)
    for stream in (False, True):
        queries.lags(stores, SPAN, stream)
        queries.lags(stores, None, stream)
    queries.reasons(stores)
    queries.revenue(stores)
    queries.readings(stores, SPAN, 12)
    asked = ("saga_states", "saga_alerts", "stuck_sagas", "step_times", "ways")
    for ask in (getattr(saga_queries, name) for name in asked):
        ask(stores)
    return stores.asked


@pytest.fixture(scope="module")
def zetasql() -> ZetaSql:
    engine = ZetaSql(TABLES.values())
    for view in all_views():
        engine.add_view(view)
    return engine


@pytest.mark.parametrize("run_id", ["r", None], ids=["one run", "every run"])
def test_google_analyzes_every_statement_and_none_reads_a_payload(zetasql, run_id):
    statements = asked(run_id)
    assert len(statements) == 18
    for sql in statements:
        zetasql.analyze(sql)
        assert not re.search(r"\b(payload|data|attributes|extensions|error_message)\b", sql)


def test_a_column_that_is_not_there_is_found(zetasql):
    with pytest.raises(ZetaSQLError, match="received"):
        zetasql.analyze(next(sql for sql in asked("r") if "SUM(received)" in sql).replace("received", "receivedd"))


def test_google_analyzes_the_saga_queries_of_a_restart_and_a_replay(zetasql):
    """Facts of orders from the typed tables (transforms/sagas/history.py): no column of the event store is read."""
    live = BigQueryTables(NAMES.project, DATASET_OF, NAMES.event_store, NAMES.analytics)
    recent = "SELECT order_id FROM facts WHERE published >= 1781524200000000"
    for sql in (history_query([live], recent), history_query([live, live], "SELECT 'o-1' AS order_id")):
        zetasql.analyze(re.sub(r"`([\w-]+)\.(\w+)\.(\w+)`", r"`\1`.`\2`.`\3`", sql))
        assert NAMES.event_store not in sql
