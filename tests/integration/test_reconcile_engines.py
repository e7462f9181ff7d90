"""The reconciliation query before Google's engine and DuckDB: valid events = rows + undelivered + missing, by table."""

from datetime import UTC, datetime

import pytest

from pipelines.bigquery_emulator.sql.translate import Dialect
from schemas.tables.definitions import TABLES
from schemas.views import Names, all_views
from schemas.views.reconcile import reconcile_sql
from tests.support.deliveries import Delivery, Fact, at, stored
from tests.support.duck_engine import DuckViews
from tests.support.zetasql_engine import ZetaSql

NAMES = Names("local")


def dead_letter(table: str, event_id: str | None, stage: str = "sink") -> dict[str, object]:
    cells = {column.name: None for column in TABLES["dead_letters"].columns}
    return {
        **cells,
        "dead_letter_id": f"{table}-{event_id}-{stage}", "failed_time": at(0), "stage": stage, "error_code": "SINK_REJECTED",
        "error_message": "", "topic": "orders", "payload_size": 0, "payload_sha256": "", "attempt": 1, "pipeline_version": "",
        "ingest_time": at(0), "run_id": "run-1", "table_name": table, "event_id": event_id,
    }  # fmt: skip


def paid(event_id: str, published: int = 10) -> Delivery:
    data = {"payment_id": "p", "order_id": "o", "amount": 1, "currency": "EUR"}
    return Delivery(Fact(event_id, "payment.processed", at(0), data), f"m{event_id}", at(published))


@pytest.fixture(scope="module")
def engine() -> DuckViews:
    return DuckViews(TABLES.values(), all_views())


def rows(engine: DuckViews, sql: str) -> list[tuple[object, ...]]:
    return engine._connection.execute(Dialect("local").query(sql)).fetchall()


def test_every_event_is_a_row_or_undelivered_or_missing(engine):
    everything = stored([paid("01"), paid("02"), paid("03"), paid("04", published=100), paid("01")])
    _, typed = everything["analytics", "payment_events"]
    typed[:] = [row for row in typed if row["event_id"] in ("01", "04")]
    dead_letters = [
        dead_letter("payment_events", "02"),
        dead_letter("payment_events", "02"),
        dead_letter("payment_events", "01"),
    ]
    dead_letters += [
        dead_letter("order_events", "03"),
        dead_letter("payment_events", None),
        dead_letter("payment_events", "03", "data"),
    ]
    engine.load(everything | {("event_store", "dead_letters"): (TABLES["dead_letters"], dead_letters)})
    assert rows(engine, reconcile_sql(NAMES)) == [("payment_events", 4, 2, 1, 1)]
    assert rows(engine, reconcile_sql(NAMES, end=at(100).isoformat())) == [("payment_events", 3, 1, 1, 1)]
    assert rows(engine, reconcile_sql(NAMES, start=at(100).isoformat())) == [("payment_events", 1, 1, 0, 0)]
    later = datetime(2030, 1, 1, tzinfo=UTC).isoformat()
    assert rows(engine, reconcile_sql(NAMES, start=later)) == []


def test_google_analyzes_the_query():
    zetasql = ZetaSql(TABLES.values())
    statement = zetasql.analyze(reconcile_sql(NAMES, start="2026-01-01T00:00:00Z", end="2027-01-01T00:00:00Z"))
    assert [item.name for item in statement.output_column_list] == [
        "table_name", "valid", "row_count", "undelivered", "missing"
    ]  # fmt: skip
