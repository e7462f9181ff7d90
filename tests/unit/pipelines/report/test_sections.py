"""Sections of the report that need no store: rows per table, and the headline."""

from pipelines.report.page import render
from pipelines.report.sections import tables_section

SUMMARY = {
    "received": 10, "valid": 8, "duplicates": 0, "dead_letters": 2, "late": 0, "difference": None,
    "tables": {
        "events": {"made": 8, "rows": 8, "undelivered": 0},
        "order_events": {"made": 1234, "rows": 1230, "undelivered": 4},
    },
    "undelivered": {"order_events": 4},
}  # fmt: skip


def test_undelivered_rows_are_in_the_headline_and_per_table() -> None:
    section = tables_section(SUMMARY)
    assert section is not None
    page = render(SUMMARY, [section])
    assert "Rows that their table rejected are undelivered: order_events 4." in page
    assert section.note.startswith("4 rows undelivered")
    for cell in ("1,234", "1,230", "<code>order_events</code>"):
        assert cell in page


def test_a_run_that_delivered_every_row_reports_it() -> None:
    whole = {**SUMMARY, "tables": {"events": {"made": 8, "rows": 8, "undelivered": 0}}, "undelivered": {}}
    section = tables_section(whole)
    assert section is not None
    assert section.note == "Every row of the run is in its table."
    assert "undelivered:" not in render(whole, [section])


def test_a_summary_of_an_older_version_has_no_such_section() -> None:
    assert tables_section({"received": 1}) is None
