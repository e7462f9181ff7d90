"""The read side before two engines: Google's ZetaSQL, which BigQuery speaks, and DuckDB through sqlglot."""

import dataclasses
import json
import re
from datetime import datetime
from decimal import Decimal
from string import Template
from typing import Any

import pytest
from zetasql.core import ZetaSQLError

from schemas.tables.ddl import create_external_table, create_function, create_table, create_view
from schemas.tables.definitions import TABLES
from schemas.tables.lake import LAKE_FEEDS
from schemas.views import View, all_views, find_view
from tests.support.deliveries import expected, stored
from tests.support.duck_engine import DuckViews
from tests.support.golden_events import FACTS, SAGAS, golden
from tests.support.golden_replays import RUN_STATES, STANDS, STATES, replayed_rows
from tests.support.zetasql_engine import NAMES, ZetaSql
from transforms.sources.read_event_store import DATA_TEXT, SELECT

VIEWS = all_views()
AS_OF = [None, "2026-06-15T23:50:05Z", "2026-06-15T23:59:59.999999Z", "1999-01-01T00:00:00Z"]


def by_id(value: Any) -> str:
    return f"{value.dataset}.{value.name}"


@pytest.fixture(scope="module")
def zetasql() -> ZetaSql:
    engine = ZetaSql(TABLES.values())
    for view in VIEWS:
        engine.add_view(view)
    return engine


@pytest.fixture(scope="module")
def duckdb_views() -> DuckViews:
    engine = DuckViews(TABLES.values(), VIEWS)
    engine.load(stored(golden(), SAGAS) | replayed_rows())
    return engine


@pytest.mark.parametrize("table", TABLES.values(), ids=by_id)
def test_google_analyzes_every_table(zetasql, table):
    assert len(zetasql.analyze(create_table(table, NAMES)).column_definition_list) == len(table.columns)


@pytest.mark.parametrize("feed", LAKE_FEEDS, ids=lambda feed: feed.name)
def test_google_analyzes_every_external_table(zetasql, feed):
    ddl = create_external_table(feed, NAMES).replace("WITH CONNECTION `${connection}`\n", "")  # the catalog has none
    sql = Template(ddl).substitute(lake="gs://b")
    statement = zetasql.analyze(sql)
    partitions = [column.name for column in statement.with_partition_columns.column_definition_list]
    assert partitions == ["dt", "hour"]


@pytest.mark.parametrize("view", VIEWS, ids=by_id)
def test_google_analyzes_every_view_and_finds_the_described_columns(zetasql, view):
    columns = [item.name for item in zetasql.analyze(view.query(NAMES)).output_column_list]
    assert columns == list(view.columns)
    zetasql.analyze(create_view(view, NAMES))


@pytest.mark.parametrize("view", [view for view in VIEWS if view.function], ids=by_id)
def test_google_analyzes_every_table_function(zetasql, view):
    zetasql.analyze(create_function(view, NAMES))


@pytest.mark.parametrize("view", VIEWS, ids=by_id)
def test_a_broken_column_name_is_found(zetasql, view):
    read = {column.name for table in TABLES.values() for column in table.columns}
    column = next(name for name in sorted(read) if re.search(rf"\b{name}\b", view.template))
    broken = dataclasses.replace(view, template=re.sub(rf"\b{column}\b", "nope", view.template))
    with pytest.raises(ZetaSQLError, match=r"(Unrecognized name: nope|Name nope not found)"):
        zetasql.analyze(broken.query(NAMES))


@pytest.mark.parametrize(
    ("view", "as_of"),
    [
        pytest.param(view, as_of, id=f"{by_id(view)}-{as_of}")
        for view in VIEWS
        for as_of in AS_OF
        if as_of is None or view.function
    ],
)
def test_both_engines_give_the_same_rows(zetasql, duckdb_views, view, as_of):
    duck = duckdb_views.rows(view, as_of)
    google = zetasql.execute(view, stored(golden(), SAGAS) | replayed_rows(), VIEWS, as_of)
    assert comparable(view, google) == comparable(view, duck)
    assert duck or as_of == AS_OF[-1] or view.name == "revenue_by_day"
    assert not duck or as_of != AS_OF[-1]


@pytest.mark.parametrize("name", expected([]))
def test_the_rows_are_those_of_the_contract(duckdb_views, name):
    view = find_view(name)
    assert view is not None
    assert comparable(view, duckdb_views.rows(view)) == comparable(
        view, expected(FACTS, states={"o1": "COMPLETED", "o2": "CREATED"})[name]
    )


def test_the_newest_saga_row_wins(duckdb_views):
    view = find_view("order_saga_current")
    assert view is not None
    assert {row["order_id"]: row["state"] for row in duckdb_views.rows(view)} == {"o1": "COMPLETED", "o2": "CREATED"}


@pytest.mark.parametrize(
    ("name", "key", "stands"),
    [
        ("run_states", "run_id", RUN_STATES),
        ("replay_runs", "run_id", STANDS),
        ("dead_letter_states", "dead_letter_id", STATES),
    ],
    ids=["run_states", "replay_runs", "dead_letter_states"],
)
def test_dead_letter_states_are_computed_from_stored_facts(duckdb_views, name, key, stands):
    view = find_view(f"event_store.{name}")
    assert view is not None
    assert {row[key]: row["state"] for row in duckdb_views.rows(view)} == stands


def test_an_event_is_one_row_and_the_first_publication(duckdb_views):
    for name in ("event_store.events_distinct", "analytics.events_distinct"):
        view = find_view(name)
        assert view is not None
        rows = {row["event_id"]: row["message_id"] for row in duckdb_views.rows(view)}
        assert rows == {fact.event_id: f"m{fact.event_id}" for fact in FACTS}


def test_readers_of_analytics_see_no_payload():
    view, whole = find_view("analytics.events_distinct"), find_view("event_store.events_distinct")
    assert view is not None
    assert whole is not None
    assert set(whole.columns) - set(view.columns) == {"data", "data_text", "extensions"}
    assert set(whole.columns) == {column.name for column in TABLES["events"].columns}


def comparable(view: View, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in the order of the view's key, with one form for what engines write differently."""
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return sorted(plain, key=lambda row: [str(row[name]) for name in view.key])


def _plain(value: Any) -> Any:
    match value:
        case bool() | None:
            return value
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case int() | float() | Decimal():
            return _number(Decimal(str(value)))
        case datetime():
            return value.timestamp()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    if text.startswith("{"):  # a JSON column: DuckDB gives its text, TO_JSON_STRING its value
        return _plain(json.loads(text, parse_float=Decimal))
    try:
        return (
            datetime.fromisoformat(text).timestamp() if "T" in text and text.endswith("Z") else _number(Decimal(text))
        )
    except (ValueError, ArithmeticError):
        return text


def _number(value: Decimal) -> str:
    """Return the number's text without trailing zeros: JSON writes numbers past a double's reach as text."""
    return format(value, "f").rstrip("0").rstrip(".") if "." in format(value, "f") else format(value, "f")


def test_the_text_of_data_survives_what_a_json_column_does_to_numbers(zetasql):
    """BigQuery reads JSON numbers as doubles (wide_number_mode round) or rejects those that a double cannot hold."""
    spelled = '{"totalAmount": 1.10, "unitPrice": 67.174118000000001}'
    with pytest.raises(ZetaSQLError, match="cannot round-trip"):
        zetasql.value(f"TO_JSON_STRING(PARSE_JSON({spelled!r}))")
    rounded = zetasql.value(f"TO_JSON_STRING(PARSE_JSON({spelled!r}, wide_number_mode=>'round'))")
    assert rounded == '{"totalAmount":1.1,"unitPrice":67.17411800000001}'
    row = f"(SELECT PARSE_JSON({spelled!r}, wide_number_mode=>'round') AS data, {spelled!r} AS data_text)"
    assert f"{DATA_TEXT} AS data" in SELECT
    assert zetasql.value(f"(SELECT {DATA_TEXT} FROM {row})") == spelled
