"""Write rows as a table, as JSON (one object per line) or as CSV."""

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

from pipelines.terminal_text import escape, escape_json

Row = Sequence[Any]
_WIDEST = 60
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_rows(form: str, columns: Sequence[str], rows: Iterable[Row], limit: int, out: TextIO) -> tuple[int, bool]:
    """Write at most `limit` rows (0: all) in a format; return how many were written and whether there were more."""
    counted = _Counted(rows)
    FORMATS[form](columns, itertools.islice(counted, limit or None), out)
    printed = counted.count
    return printed, bool(limit) and next(counted, None) is not None


class _Counted:
    """An iterator that counts the rows it returned."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self.count = 0

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> Row:
        row = next(self._rows)
        self.count += 1
        return row


def json_value(value: Any) -> Any:
    """Return a value that JSON can encode: times as RFC 3339 in UTC, decimals as text without an exponent."""
    match value:
        case Decimal():
            return decimal_text(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case dict():
            return {name: json_value(item) for name, item in value.items()}
        case list() | tuple():
            return [json_value(item) for item in value]
    return value


def decimal_text(value: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(value: Any) -> str:
    """Return one cell as text: NULL is empty, arrays and structs are JSON."""
    value = json_value(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def json_line(value: Any) -> str:
    """Return a value as one line of JSON, with control characters escaped for terminals."""
    return escape_json(json.dumps(value, ensure_ascii=False))


def csv_cell(value: Any) -> str:
    """Return one CSV cell: text that a spreadsheet would run as a formula is prefixed with '; numbers are unchanged."""
    text = escape(cell(value), keep="\t\r\n")
    is_text = not isinstance(value, int | float | Decimal | date)
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def _table_cell(value: Any) -> str:
    text = escape(cell(value))
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _write_table(columns: Sequence[str], rows: Iterable[Row], out: TextIO) -> None:
    numeric = [True] * len(columns)
    lines = [list(columns)]
    for row in rows:
        lines.append([_table_cell(value) for value in row])
        for index, value in enumerate(row):
            numeric[index] &= value is None or isinstance(value, int | float | Decimal)
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for number, line in enumerate(lines):
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        out.write("  ".join(padded).rstrip() + "\n")
        if number == 0:
            out.write("  ".join("-" * width for width in widths) + "\n")


def _write_json(columns: Sequence[str], rows: Iterable[Row], out: TextIO) -> None:
    for row in rows:
        line = {name: json_value(value) for name, value in zip(columns, row, strict=True)}
        out.write(json_line(line) + "\n")


def _write_csv(columns: Sequence[str], rows: Iterable[Row], out: TextIO) -> None:
    for row in itertools.chain([columns], rows):
        # With CRLF as line terminator the writer quotes cells that contain CR or LF; the lines written end in LF.
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow([csv_cell(value) for value in row])
        out.write(line.getvalue().removesuffix("\r\n") + "\n")


FORMATS: dict[str, Callable[[Sequence[str], Iterable[Row], TextIO], None]] = {
    "table": _write_table,
    "json": _write_json,
    "csv": _write_csv,
}
