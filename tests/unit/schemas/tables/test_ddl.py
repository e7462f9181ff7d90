"""DDL equals the description of its table: types, modes, partition, cluster. Google's engine parses it in other tests."""

import pytest

from schemas.tables.column import Column
from schemas.tables.ddl import create_dataset, create_function, create_table, create_view, type_of
from schemas.tables.table import ANALYTICS, Table, text, time
from schemas.views import Names, find_view, parse_view

NAMES = Names("p", "store", "marts", 60)
ITEM = Column("items", "STRUCT", repeated=True, fields=(Column("sku", "STRING", required=True), Column("n", "INT64")))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (Column("a", "NUMERIC"), "NUMERIC"),
        (Column("a", "STRING", repeated=True), "ARRAY<STRING>"),
        (ITEM, "ARRAY<STRUCT<sku STRING NOT NULL, n INT64>>"),
    ],
    ids=["scalar", "list", "list of objects"],
)
def test_a_columns_type(column, kind):
    assert type_of(column) == kind


def test_a_table():
    at = time("at", 'when, "exactly"')
    note = Column("note", "STRING", "größer als 3")
    table = Table(ANALYTICS, "t", "Things.", (text("id", "who"), at, note, ITEM), ("at", "MONTH"), ("id", "at"))
    assert create_table(table, NAMES).splitlines() == [
        "CREATE TABLE IF NOT EXISTS `p`.`marts`.t (",
        '  id STRING NOT NULL OPTIONS (description = "who"),',
        '  at TIMESTAMP NOT NULL OPTIONS (description = "when, \\"exactly\\""),',
        '  note STRING OPTIONS (description = "größer als 3"),',
        "  items ARRAY<STRUCT<sku STRING NOT NULL, n INT64>>",
        ")",
        "PARTITION BY TIMESTAMP_TRUNC(at, MONTH)",
        "CLUSTER BY id, at",
        'OPTIONS (description = "Things.")',
    ]
    by_day = Table(ANALYTICS, "t", "Things.", (at,), ("at", "DAY"))
    assert create_table(by_day, NAMES).splitlines()[-2:] == [
        "PARTITION BY DATE(at)",
        'OPTIONS (description = "Things.")',
    ]


def test_a_dataset():
    assert create_dataset(ANALYTICS, "Read side.", {"team": "data", "stage": "test"}, NAMES) == (
        'CREATE SCHEMA IF NOT EXISTS `p`.`marts`\nOPTIONS (description = "Read side.", labels = [("team", "data"), ("stage", "test")])'
    )


def test_a_view_and_its_function_have_descriptions():
    header = "-- Things.\n-- key: a\n-- as_of: by then\n-- a: the one\n-- b: the other\n"
    view = parse_view(ANALYTICS, "v", f"{header}SELECT a, b FROM ${{analytics}}.t WHERE ${{as_of}}")
    assert create_view(view, NAMES).splitlines() == [
        "CREATE OR REPLACE VIEW `p`.`marts`.v (",
        '  a OPTIONS (description = "the one"),',
        '  b OPTIONS (description = "the other")',
        ")",
        'OPTIONS (description = "Things.")',
        "AS",
        "SELECT a, b FROM `p`.`marts`.t WHERE TRUE",
    ]
    assert create_function(view, NAMES).splitlines() == [
        "CREATE OR REPLACE TABLE FUNCTION `p`.`marts`.v_as_of(as_of TIMESTAMP)",
        'OPTIONS (description = "Things. As of a time: by then.")',
        "AS (",
        "SELECT a, b FROM `p`.`marts`.t WHERE event_time <= as_of",
        ")",
    ]


def test_a_view_and_its_state_as_of_a_moment():
    view = find_view("order_current")
    assert view is not None
    made = create_view(view, NAMES)
    assert made.startswith("CREATE OR REPLACE VIEW `p`.`marts`.order_current (\n  order_id OPTIONS (description = ")
    assert made.endswith(view.query(NAMES))
    function = create_function(view, NAMES)
    assert function.startswith("CREATE OR REPLACE TABLE FUNCTION `p`.`marts`.order_current_as_of(as_of TIMESTAMP)\n")
    assert view.as_of_query(NAMES) in function
