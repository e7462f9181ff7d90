"""Check the field formats of docs/data-contract.md#event-types on columns: return values, and which rows are valid.

The checks accept less than the contract if that keeps them simple: a row that is not `ok` goes to the full decoder. Only
what they accept must be right. Cells of optional fields may be NULL; NULL is ok.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.models.field_types import MONEY_FRACTION_DIGITS, MONEY_INTEGER_DIGITS
from schemas.tables.column import NUMERIC
from schemas.timestamps import EARLIEST_EVENT_US, SECOND_US


class Checked(NamedTuple):
    """A column and its mask: the value of a row that is not ok is undefined."""

    values: pa.Array
    ok: np.ndarray


def strings(values: list[str | None]) -> pa.StringArray:
    """Return texts as a column."""
    return pa.array(values, pa.string())


def texts_of(raw: list[bytes | None]) -> pa.StringArray:
    """Return bytes that are known to be UTF-8 as a column of texts."""
    return pa.array(raw, pa.binary()).cast(pa.string(), safe=False)


def _layout(column: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all texts and the edges between them; a NULL has no bytes."""
    _, offsets, data = column.buffers()
    edges = np.frombuffer(offsets, np.int32)[: len(column) + 1]
    return np.frombuffer(data, np.uint8)[: edges[-1]] if data is not None else np.empty(0, np.uint8), edges


def _table(characters: bytes) -> np.ndarray:
    table = np.zeros(256, bool)
    table[list(characters)] = True
    return table


_ALPHANUMERIC = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ID_FIRST, _ID = _table(_ALPHANUMERIC), _table(_ALPHANUMERIC + b"._:@-")
_UPPER = _table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
ID_MOST = 128


def _all_in(data: np.ndarray, edges: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Tell which texts have only bytes of a table."""
    wrong = ~table[data]
    ok = np.ones(len(edges) - 1, bool)
    if wrong.any():
        ok[np.searchsorted(edges, np.flatnonzero(wrong), side="right") - 1] = False
    return ok


def check_ids(column: pa.StringArray) -> np.ndarray:
    """Tell which texts are ids: `[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}`."""
    data, edges = _layout(column)
    sizes = np.diff(edges)
    ok = _all_in(data, edges, _ID) & (sizes <= ID_MOST)
    filled = sizes > 0
    ok[filled] &= _ID_FIRST[data[edges[:-1][filled]]]
    return np.asarray(ok & (filled | _is_null(column)))


def check_currencies(column: pa.StringArray) -> np.ndarray:
    """Tell which texts are currencies: `[A-Z]{3}`."""
    data, edges = _layout(column)
    return np.asarray(_all_in(data, edges, _UPPER) & ((np.diff(edges) == 3) | _is_null(column)))


def _is_null(column: pa.Array) -> np.ndarray | bool:
    return column.is_null().to_numpy(zero_copy_only=False) if column.null_count else False


def _matrix(column: pa.StringArray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the texts of `width` bytes as rows of bytes, and the mask of these texts."""
    data, edges = _layout(column)
    ok = np.diff(edges) == width
    if len(data) == width * len(column) and ok.all():
        return data.reshape(len(column), width), ok
    return data[edges[:-1][ok][:, None] + np.arange(width)], ok


_DIGIT, _LETTER, _DASH = 1, 2, 3
_CLASS = np.zeros(256, np.uint8)
_CLASS[list(b"0123456789")], _CLASS[list(b"abcdefABCDEF")], _CLASS[ord("-")] = _DIGIT, _LETTER, _DASH
_DASHES = [8, 13, 18, 23]


def check_uuids(column: pa.StringArray) -> Checked:
    """Return texts in lower case, and which are UUIDs."""
    rows, ok = _matrix(column, 36)
    kinds = _CLASS[rows]
    dashes = kinds == _DASH
    fits = ok.copy()
    fits[ok] = (kinds != 0).all(axis=1) & dashes[:, _DASHES].all(axis=1) & (dashes.sum(axis=1) == len(_DASHES))
    return Checked(pc.ascii_lower(column), fits | _is_null(column))


_PLAIN_DIGITS, _PLAIN_PLACES = 18, 6
"""Canonical JSON keeps the digits of a JSON number with at most so many before and after the point."""
_IN_MONEY, _IN_NUMBER = _table(b'0123456789."'), _table(b"0123456789.-")


def _spelled(column: pa.StringArray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return which texts have only bytes of a table and at most one point, their first bytes, and their digits.

    The last two results count the digits before and after the point; signs and quotation marks count as digits.
    """
    data, edges = _layout(column)
    starts, ends = edges[:-1], edges[1:]
    ok = _all_in(data, edges, table)
    points = np.flatnonzero(data == ord("."))
    rows = np.searchsorted(edges, points, side="right") - 1
    ok[rows[1:][rows[1:] == rows[:-1]]] = False
    whole, places = ends - starts, np.zeros(len(ends), np.int32)
    whole[rows] = points - starts[rows]
    places[rows] = ends[rows] - points - 1
    first = np.zeros(len(ends), np.uint8)
    filled = ends > starts
    first[filled] = data[starts[filled]]
    return ok, first, whole, places


def _only(column: pa.Array, ok: np.ndarray) -> pa.Array:
    return column if ok.all() else pc.if_else(pa.array(ok), column, None)


def parse_money(raw: list[bytes | None]) -> Checked:
    """Return amounts, exact, of JSON strings `"12.50"` and of JSON numbers without sign and exponent."""
    texts = texts_of(raw)
    ok, first, whole, places = _spelled(texts, _IN_MONEY)
    quoted = first == ord('"')
    has_point = places > 0
    digits = whole - quoted - (quoted & ~has_point)  # the closing quotation mark is before or after the point
    fraction = places - (quoted & has_point)
    ok &= (digits >= 1) & (digits <= np.where(quoted, MONEY_INTEGER_DIGITS, _PLAIN_DIGITS)) | _is_null(texts)
    ok &= ~has_point | ((fraction >= 1) & (fraction <= np.where(quoted, MONEY_FRACTION_DIGITS, _PLAIN_PLACES)))
    return Checked(pc.ascii_trim(_only(texts, ok), characters='"').cast(NUMERIC), ok)


def parse_numbers(raw: list[bytes | None]) -> Checked:
    """Return the nearest doubles of JSON numbers without exponent."""
    texts = texts_of(raw)
    ok, first, whole, places = _spelled(texts, _IN_NUMBER)
    signed = first == ord("-")
    ok &= (whole - signed <= _PLAIN_DIGITS) & (places <= _PLAIN_PLACES)
    ok &= ~signed | (places > 0) | pc.not_equal(texts, "-0").fill_null(True).to_numpy(zero_copy_only=False)
    return Checked(_only(texts, ok).cast(pa.float64()), ok)


_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0])
_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 0, 0, 0])
_FORMS = (27, 24, 20)
"""Sizes of `2026-06-15T12:00:00.123456Z`, and of times with milliseconds and with whole seconds."""


def parse_times(column: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """Return UTC microseconds of RFC 3339 texts, and the mask of those that were read: in UTC, since 2000, of three sizes."""
    micros = np.zeros(len(column), np.int64)
    ok = np.zeros(len(column), bool)
    for width in _FORMS:
        rows, mine = _matrix(column, width)
        if not len(rows):
            continue
        at, fits = _instants(np.ascontiguousarray(rows.T), width)
        micros[mine] = at
        ok[mine] = fits & (at >= EARLIEST_EVENT_US)
    return micros, ok | _is_null(column)


_MARKS = {4: b"-", 7: b"-", 10: b"T", 13: b":", 16: b":", 19: b"."}


def _instants(places: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the instants of texts of one width, given position by position, and the mask of those that are valid times."""
    marks = {**{place: mark for place, mark in _MARKS.items() if place < width - 1}, width - 1: b"Z"}
    fits = np.ones(places.shape[1], bool)
    for place, mark in marks.items():
        fits &= places[place] == mark[0]
    digits = places - 48  # below 0 wraps round to over 9
    for place in range(width):
        if place not in marks:
            fits &= digits[place] < 10

    def number(start: int, end: int) -> np.ndarray:
        total: np.ndarray = digits[start].astype(np.int64)
        for place in range(start + 1, end):
            total = total * 10 + digits[place]
        return total

    year, month, day = number(0, 4), np.minimum(number(5, 7), 13), number(8, 10)
    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    fits &= (day >= 1) & (day <= _DAYS[month]) & ((month != 2) | (day <= 28 + leap))
    fits &= (year >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 - 719_163 + _BEFORE[month] + (leap & (month > 2)) + day
    at = (((days * 24 + hour) * 60 + minute) * 60 + second) * SECOND_US
    if width > 20:
        at += number(20, width - 1) * 10 ** (27 - width)
    return at, fits
