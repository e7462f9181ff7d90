"""The files of the read side: their headers, placeholders and order, and the page that documents them."""

import pytest

from schemas.tables.definitions import TABLES
from schemas.views import Names, all_views, find_view, parse_view
from tests.support.paths import ROOT

GOOD = "-- What it shows.\n-- key: a\n-- as_of: by then\n-- a: the one\nSELECT a FROM ${analytics}.t WHERE ${as_of}"


def test_a_file_is_header_and_query():
    view = parse_view("analytics", "v", GOOD)
    assert (view.description, view.key, view.columns, view.function) == (
        "What it shows.",
        ("a",),
        {"a": "the one"},
        "v_as_of",
    )
    names = Names("p-1", "es", "an", 10)
    assert view.query(names) == "SELECT a FROM `p-1`.`an`.t WHERE TRUE"
    assert view.as_of_query(names) == "SELECT a FROM `p-1`.`an`.t WHERE event_time <= as_of"
    assert view.terraform(as_of=False) == "SELECT a FROM `${project}`.`${analytics}`.t WHERE TRUE\n"
    assert view.reads == [("analytics", "t")]


PLACES = (
    "-- Shows.\n-- key: a\n-- as_of: by then\nFROM ${event_store}.t, ${analytics}.u, ${window_seconds} WHERE ${as_of}"
)


def test_datasets_and_windows_bear_the_names_of_the_run():
    names = Names("p-1", "es", "an", 10)
    assert parse_view("analytics", "v", PLACES).query(names) == "FROM `p-1`.`es`.t, `p-1`.`an`.u, 10 WHERE TRUE"
    assert (names.dataset("event_store"), names.dataset("analytics")) == ("es", "an")


def test_terraform_fills_in_project_datasets_and_windows():
    view = parse_view("analytics", "v", PLACES)
    body = "FROM `${project}`.`${event_store}`.t, `${project}`.`${analytics}`.u, ${window_seconds} WHERE "
    assert view.terraform(as_of=False) == f"{body}TRUE\n"
    assert view.terraform(as_of=True) == f"{body}event_time <= as_of\n"


def test_descriptions_queries_and_keys_may_be_longer():
    view = parse_view("event_store", "v", "-- What it shows,\n-- and why.\n-- key: a, b\nSELECT a, b\nFROM t")
    assert (view.dataset, view.description, view.key) == ("event_store", "What it shows, and why.", ("a", "b"))
    assert view.query(Names("p")) == "SELECT a, b\nFROM t"


def test_a_view_without_a_time_has_no_function():
    view = parse_view("analytics", "v", "-- Shows.\n-- key: a\nSELECT a FROM t")
    assert view.function is None
    with pytest.raises(ValueError, match=r"^view v has no table function$"):
        view.as_of_query(Names("p"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(GOOD.replace("-- key: a\n", ""), "needs a description, a key and a query", id="no-key"),
        pytest.param(GOOD.replace("-- What it shows.\n", ""), "needs a description", id="no-description"),
        pytest.param("-- Shows.\n-- key: a", "needs a description, a key and a query", id="no-query"),
        pytest.param(GOOD.replace("${as_of}", "TRUE"), "as_of belongs both", id="as-of-in-header-only"),
        pytest.param(GOOD.replace("-- as_of: by then\n", ""), "as_of belongs both", id="as-of-in-query-only"),
    ],
)
def test_a_wrong_file_is_rejected(text, message):
    with pytest.raises(ValueError, match=f"view analytics.v: {message}"):
        parse_view("analytics", "v", text)


def test_an_unknown_placeholder_is_an_error():
    with pytest.raises(KeyError, match="nope"):
        parse_view("analytics", "v", GOOD.replace("${analytics}", "${nope}")).query(Names("p"))


def test_windows_are_at_least_a_second():
    with pytest.raises(ValueError, match="window_seconds 0"):
        Names("p", window_seconds=0)
    assert Names("p", window_seconds=1).window_seconds == 1


def test_every_view_follows_what_it_reads():
    seen = {(table.dataset, table.name) for table in TABLES.values()}
    for view in all_views():
        assert seen.issuperset(view.reads), view.name
        seen.add((view.dataset, view.name))


def test_only_one_view_of_analytics_reads_the_event_store():
    doors = [view.name for view in all_views() if view.dataset == "analytics" and "event_store" in dict(view.reads)]
    assert doors == ["events_distinct"]


def test_a_name_finds_the_view_of_analytics_first():
    assert find_view("events_distinct").dataset == "analytics"
    assert find_view("event_store.events_distinct").dataset == "event_store"
    assert find_view("analytics.event_counts_current").name == "event_counts_current"
    assert find_view("event_store.order_current") is None


def test_the_page_describes_every_view_and_column():
    pages = {"analytics": "read-side.md", "event_store": "event-store-views.md"}
    texts = {dataset: (ROOT / "docs" / name).read_text(encoding="utf-8") for dataset, name in pages.items()}
    for view in all_views():
        part = texts[view.dataset].split(f"### {view.dataset}.{view.name}\n")[1].split("\n### ")[0]
        assert view.description in part
        assert (view.function is None) or f"`{view.function}(as_of)`: {view.as_of}." in part
        for column, what in view.columns.items():
            assert f"| `{column}` | {what} |" in part
    assert sum(page.count("\n### ") for page in texts.values()) == len(all_views())
