"""Rows as text: nothing lost, nothing run by a spreadsheet or a terminal."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pipelines.cli.output_formats import write_rows

COLUMNS = ["name", "amount", "at", "items"]
ROW = [
    'ä,"b"',
    Decimal("1.500000000"),
    datetime(2026, 6, 15, 12, 0, 0, 1, UTC),
    [{"sku": "a", "price": Decimal("1E-9")}],
]


def written(form, rows, limit=0, columns=COLUMNS):
    out = io.StringIO()
    printed = write_rows(form, columns, iter(rows), limit, out)
    return out.getvalue(), printed


def test_json_is_an_object_a_line_with_exact_money():
    text, _ = written("json", [ROW, [None] * 4])
    first, second = map(json.loads, text.splitlines())
    assert first == {
        "name": 'ä,"b"',
        "amount": "1.5",
        "at": "2026-06-15T12:00:00.000001Z",
        "items": [{"sku": "a", "price": "0.000000001"}],
    }
    assert set(second.values()) == {None}


def test_csv_reads_back_as_the_same_cells():
    text, _ = written("csv", [ROW, [None, 0, None, []]])
    lines = list(csv.reader(io.StringIO(text)))
    assert lines[0] == COLUMNS
    assert lines[1] == ['ä,"b"', "1.5", "2026-06-15T12:00:00.000001Z", '[{"sku": "a", "price": "0.000000001"}]']
    assert lines[2] == ["", "0", "", "[]"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"], ids=repr)
def test_csv_text_that_a_spreadsheet_would_run_is_quoted(start):
    text, _ = written("csv", [[f"{start}1+1"]], columns=["name"])
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [f"'{start}1+1"]


def test_csv_numbers_and_dates_stay_numbers_and_dates():
    text, _ = written("csv", [[-7, Decimal("-1.5"), -0.5, date(2026, 6, 15)]])
    assert text.splitlines()[1] == "-7,-1.5,-0.5,2026-06-15"


def test_a_table_is_aligned_with_numbers_to_the_right():
    text, _ = written("table", [["a", 1], ["bcd", 100]], columns=["n", "amount"])
    assert text == "n    amount\n---  ------\na         1\nbcd     100\n"


def test_a_table_shows_what_a_terminal_would_act_on_as_escapes():
    text, _ = written("table", [["\x1b[2Jred\nnext‮", "x" * 100]], columns=["a", "b"])
    assert "\x1b" not in text
    assert "\\x1b[2Jred\\nnext\\u202e" in text
    assert "x" * 59 + "…" in text


@pytest.mark.parametrize(("limit", "expected"), [(0, (3, False)), (2, (2, True)), (3, (3, False)), (9, (3, False))])
def test_a_limit_reports_whether_rows_were_omitted(limit, expected):
    text, printed = written("json", [[n] for n in range(3)], limit, ["n"])
    assert (printed, len(text.splitlines())) == (expected, expected[0])
