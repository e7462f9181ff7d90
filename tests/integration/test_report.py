"""The report of a small warehouse in headless Chromium: drawn, complete, quiet, and closed to the network."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import bigquery

from pipelines.report import write_report
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from schemas.tables.definitions import TABLES
from tests.support.browser import Page, chromium_page
from tests.support.report_rows import EMPTY, HOSTILE, SECRET, SUMMARY, rows
from tests.support.tools import require

DRAWN = "document.documentElement.dataset.charts === 'drawn'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three reports: of a run, of a run that does not add up, and of nothing."""
    folder = tmp_path_factory.mktemp("report")
    options = {"input": ["a", HOSTILE], "overwrite": False, "as_of": None}
    target = Target.local(folder)
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        write_report(endpoints.bigquery, target, EMPTY, {}, folder / "empty.html")
        fill(endpoints, target)
        write_report(endpoints.bigquery, target, SUMMARY, options, folder / "report.html")
        write_report(endpoints.bigquery, target, {**SUMMARY, "received": 147}, {}, folder / "wrong.html")
    return folder


def fill(endpoints: Endpoints, target: Target) -> None:
    """Load the rows: years ago is out of reach of streaming."""
    for table, lines in rows().items():
        schema = [bigquery.SchemaField.from_api_repr(field) for field in TABLES[table.split(".")[1]].bigquery_fields()]
        config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_APPEND")
        endpoints.bigquery.load_table_from_json(lines, f"{target.project}.{table}", job_config=config).result()


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium_page(require("chromium", "the report is looked at in a real browser")) as page:
        yield page


@pytest.fixture
def page(folder: Path, browser: Page) -> Page:
    """Return the report, opened on a desk in light mode and drawn."""
    return opened(browser, folder / "report.html", 1200)


def opened(page: Page, path: Path, width: int, *, dark: bool = False, phone: bool = False) -> Page:
    page.errors.clear()
    page.requests.clear()
    page.emulate(width, dark=dark, phone=phone)
    page.open(path)
    page.wait(DRAWN)
    return page


def text_of(page: Page, selector: str) -> str:
    return re.sub(r"\s+", " ", page.ask(f"document.querySelector({json.dumps(selector)}).innerText"))


def test_every_chart_has_points(page):
    charts = page.ask(
        """[...document.querySelectorAll('.plot')].map(plot => [plot.id.split('-')[0], (plot.data || []).map(
            trace => trace.type === 'sankey' ? trace.link.value.length : trace.y.filter(y => y !== null).length)])"""
    )
    assert charts == [
        *(["events", [40, 100]], ["lag", [100, 100, 100]], ["lag", [40, 40, 40]]),
        *(["dead", [3]], ["revenue", [2]], ["revenue", [1]], ["sagas", [3]], ["sagas", [2]], ["devices", [100]]),
    ]
    assert page.ask("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 9")
    assert page.ask(
        "[...document.querySelectorAll('.plot')].every(plot => plot.getAttribute('aria-label').length > 20)"
    )


def test_the_console_is_silent_and_the_network_is_not_used(page, folder):
    assert page.errors == []
    assert page.requests == [(folder / "report.html").as_uri()]


def test_text_out_of_the_data_stays_text(page):
    assert page.ask("document.querySelectorAll('img').length") == 0
    assert HOSTILE in text_of(page, "#dead")
    assert HOSTILE in text_of(page, "#run")


def test_the_headline_gives_the_outcomes(page, folder, browser):
    assert text_of(page, ".tiles") == "Received 146 messages Valid 140 95.89 % Duplicate 1 0.68 % Dead letters 5 3.42 %"
    assert "received 146 = valid + duplicate + dead letters, 140 + 1 + 5" in text_of(page, ".check.good")
    wrong = opened(browser, folder / "wrong.html", 1200)
    assert "Received 147, but 140 + 1 + 5 = 146" in text_of(wrong, ".check.bad")


def test_only_the_run_is_shown_and_no_payload(folder):
    html = (folder / "report.html").read_text()
    assert "another-run" not in html
    assert SECRET not in html
    assert base64.b64encode(SECRET.encode()).decode() not in html


def test_dead_letters_are_listed_by_path_without_positions(page):
    said = text_of(page, "#dead")
    assert "FIELD_FORMAT data data.items[].sku orders 2" in said
    assert "5 of 146 messages became dead letters (3.42 %)." in said
    assert "Not listed below: 1 dead letter" in said


def test_years_of_silence_are_left_out_of_the_axis(page):
    assert "this time is omitted" in text_of(page, "#events")
    left_out = page.ask("document.querySelector('#events .plot').layout.xaxis.rangebreaks[0].bounds")
    assert left_out == ["2004-03-14 03:15:00", "2011-05-02 08:00:00"]


def test_sagas_prints_states_transitions_and_stuck_orders(page):
    said = text_of(page, "#sagas")
    assert "3 orders. 1 is stuck." in said
    assert "o1 PAID 2011-05-02 08:00:00 2011-05-02 08:30:00" in said
    assert "SAGA_STUCK no next step in time 2011-05-02 08:00:00 2011-05-02 08:00:00 2" in said, "an order counts once"
    assert "SAGA_RECOVERED a later step arrived 2011-05-02 08:00:00 2011-05-02 08:00:00 1" in said
    states = page.ask("(({x, y}) => [[...y], [...x]])(document.querySelector('#sagas .plot').data[0])")
    assert states == [["COMPLETED", "PAID", "CREATED"], [1, 1, 1]]


def test_on_a_phone_nothing_is_wider_than_the_screen(folder, browser):
    page = opened(browser, folder / "report.html", 390, phone=True)
    assert page.ask("document.documentElement.scrollWidth") == 390
    columns = (
        "[...document.querySelectorAll('.grid')].map(grid => getComputedStyle(grid).gridTemplateColumns.split(' '))"
    )
    assert all(len(item) == 1 for item in page.ask(columns))
    widths = page.ask("[...document.querySelectorAll('.plot')].map(plot => plot._fullLayout.width)")
    assert all(200 < width < 390 for width in widths)


def test_dark_mode_changes_the_charts_too_also_while_the_page_is_open(folder, browser):
    colours = """[getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector('#events .xtick text')).fill,
        getComputedStyle(document.querySelector('#events .bars path')).fill]"""
    light = opened(browser, folder / "report.html", 1200).ask(colours)
    browser.emulate(1200, dark=True)
    browser.wait(f"{DRAWN} && {colours}[1] !== {json.dumps(light[1])}")
    turned = browser.ask(colours)
    dark = opened(browser, folder / "report.html", 1200, dark=True).ask(colours)
    assert turned == dark
    assert all(item != other for item, other in zip(light, dark, strict=True))


def test_an_empty_store_is_described_in_sentences(folder, browser):
    page = opened(browser, folder / "empty.html", 1200)
    assert page.errors == []
    assert page.ask("document.querySelectorAll('.plot').length") == 0
    said = page.ask(
        "[...document.querySelectorAll('main > section[id]')].map(s => [s.id, s.querySelector('.lead').innerText])"
    )
    assert dict(said) == {
        "topics": "No message was received.",
        "events": "No message was received, so there is nothing to draw.",
        "lag": "No valid event was stored, so there is no lag to show.",
        "dead": "There are no dead letters.",
        "revenue": "No payment was processed.",
        "devices": "No telemetry was received.",
        "run": "The options of the run and the versions of its software.",
    }
