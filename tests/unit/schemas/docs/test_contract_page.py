"""docs/data-contract.md is generated from the code and current."""

import json
import re
from pathlib import Path

from schemas.decode.decoder import decode
from schemas.docs.contract_page import BLOCKS, fill, main
from schemas.event import Event
from schemas.message import NotAMessage, parse_line
from schemas.outcomes import Code
from tests.support.events import make_message
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "data-contract.md"
CODES = DOCS / "error-codes.md"
READ_SIDE = DOCS / "read-side.md"
STORE_VIEWS = DOCS / "event-store-views.md"


def test_the_tables_of_the_page_are_up_to_date():
    made = []
    for text in (PAGE.read_text(), CODES.read_text(), READ_SIDE.read_text(), STORE_VIEWS.read_text()):
        assert fill(text) == text, "run: make reference"
        made += re.findall("<!-- made: (.*?) -->", text)
    assert made == ["event types", "tables", "codes", "notes", "analytics views", "event store views"]
    assert set(BLOCKS) == set(made)


def test_every_code_is_on_the_page_in_the_order_of_the_checks():
    table = CODES.read_text().partition("<!-- made: codes -->")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| ([A-Z_]+) \| [a-z, ]+ \|", table, re.MULTILINE)
    assert rows == [code.value for code in Code]


def test_the_example_of_the_page_is_valid():
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    message, envelope = (json.loads(block) for block in blocks)
    assert isinstance(decode(make_message(envelope)), Event)
    assert not isinstance(parse_line(json.dumps({**message, "data": "e30="}).encode(), ""), NotAMessage)


def test_a_block_is_regenerated_and_nothing_else_changes():
    page = fill("before <!-- made: notes -->\nyesterday\n<!-- end --> between <!-- made: codes --><!-- end --> after")
    assert page.startswith("before <!-- made: notes -->\n| note |")
    assert "yesterday" not in page
    assert page.endswith("<!-- end --> after")


def test_a_page_is_written_in_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# <!-- made: notes --><!-- end -->")
    main(str(page))
    assert page.read_text().startswith("# <!-- made: notes -->\n| note |")


CODE = [
    path
    for folder in ("schemas", "transforms", "pipelines", "templates", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".sql", ".tf", ".yaml") and "build" not in path.parts
]


def test_every_section_that_code_cites_is_on_the_page():
    anchors = set(re.findall(r'<a id="([a-z-]+)"></a>', PAGE.read_text()))
    cited = {anchor for path in CODE for anchor in re.findall(r"docs/data-contract\.md#([\w-]+)", path.read_text())}
    assert len(cited) >= 8
    assert cited <= anchors


def test_no_comment_cites_a_paper_that_is_not_in_the_repository():
    papers = re.compile(
        r"\(contract \d|contract's section|\(sections? \d|\b(?:design|traps|style|language)" + r"\.md\b"
    )
    lines = [f"{path}: {line}" for path in CODE for line in path.read_text().splitlines() if papers.search(line)]
    assert [line for line in lines if Path(__file__).name not in line] == []
