"""The checks of columns, each text among others: what they accept has the form, and the values are what it says.

What has the form is said here by a pattern, and its value by Python's own Decimal, float and datetime.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from transforms.decode.column_checks import (
    check_currencies,
    check_ids,
    check_uuids,
    parse_money,
    parse_numbers,
    parse_times,
    strings,
    texts_of,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def among_others(texts, good):
    """Return texts alone, all together both ways round, and each between two that have the form and none at all."""
    return [
        [],
        *([text] for text in texts),
        texts,
        texts[::-1],
        [cell for text in texts for cell in (good, text, None)],
    ]


def fits(pattern, text):
    return text is None or re.fullmatch(pattern, text, re.ASCII) is not None


IDS = ["a", "Z", "0", "9", "a" * 128, "a" * 129, "", "-a", ".a", "_a", ":a", "@a", "a-", "A.b_c:d@e-f", "a b", "a\n", "é", "a/", "a;",
       "a[", "a`", "a{", "/a", "b\0", None]  # fmt: skip


@pytest.mark.parametrize("texts", among_others(IDS, "id-1"))
def test_ids_are_accepted_by_their_form(texts):
    assert check_ids(strings(texts)).tolist() == [fits("[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}", text) for text in texts]


CURRENCIES = ["EUR", "AZZ", "ZAA", "EU", "EURO", "", "eur", "EUr", "E R", "@AB", "AB[", "ÉU", "É", None]


@pytest.mark.parametrize("texts", among_others(CURRENCIES, "CHF"))
def test_currencies_are_accepted_by_their_form(texts):
    assert check_currencies(strings(texts)).tolist() == [fits("[A-Z]{3}", text) for text in texts]


GOOD_UUID = "01234567-89ab-cdef-ABCD-EF0123456789"
UUIDS = [
    GOOD_UUID, GOOD_UUID.lower(), GOOD_UUID[:-1], GOOD_UUID + "0", "", None, "-" * 36, "0" * 36, GOOD_UUID.replace("-", "") + "0000",
    *[GOOD_UUID[:place] + other + GOOD_UUID[place + 1 :] for place in range(36) for other in "-0g"],
    "0123456-789ab-cdef-ABCD-EF0123456789", "é" * 18,
]  # fmt: skip


@pytest.mark.parametrize("texts", among_others(UUIDS, GOOD_UUID))
def test_uuids_are_accepted_by_their_form_and_come_in_lower_case(texts):
    values, ok = check_uuids(strings(texts))
    assert ok.tolist() == [fits("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) for text in texts]
    assert values.filter(ok).to_pylist() == [text and text.lower() for text, fit in zip(texts, ok, strict=True) if fit]


def raw(texts):
    return [text if text is None else text.encode() for text in texts]


AMOUNTS = [
    "0", "1", "12.50", "00.5", "9" * 29, "9" * 30, "9" * 29 + ".999999999", "0.123456789", "0.1234567890", "1" * 18, "1" * 19,
    "1" * 18 + ".123456", "1" * 18 + ".1234567", "1.", "12.", ".1", ".", "", "1.2.3", "1..2", "-1", "+1", "1e2", " 1", "1_0", "é",
]  # fmt: skip
JSON_NUMBER = r"(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
MONEY = [*[f'"{text}"' for text in AMOUNTS], *[text for text in AMOUNTS if re.fullmatch(JSON_NUMBER, text)],
         "-1", "-0", "1e2", "true", "null", "[1]", '{"1":1}', None]  # fmt: skip


@pytest.mark.parametrize("texts", among_others(MONEY, '"1.5"'))
def test_amounts_are_accepted_by_their_form_and_exact(texts):
    values, ok = parse_money(raw(texts))
    assert ok.tolist() == [fits(r'"\d{1,29}(\.\d{1,9})?"|\d{1,18}(\.\d{1,6})?', text) for text in texts]
    wanted = [text and Decimal(text.strip('"')) for text, fit in zip(texts, ok, strict=True) if fit]
    assert values.filter(ok).to_pylist() == wanted


NUMBERS = [
    "0", "-0", "0.0", "-0.0", "-0.5", "1", "-1", "1.5", "-1.5", "12.25", "0.000001", "0.0000001", "-0.000001", "-0.0000001",
    "1" * 18, "-" + "1" * 18, "1" * 19, "-" + "1" * 19, "1" * 18 + ".654321", "0.1", "1e2", "1E-2", "true", "null", "[1]", '"1"', None,
]  # fmt: skip


@pytest.mark.parametrize("texts", among_others(NUMBERS, "2.5"))
def test_numbers_are_accepted_by_their_form_and_the_nearest_doubles(texts):
    values, ok = parse_numbers(raw(texts))
    assert ok.tolist() == [text != "-0" and fits(r"-?\d{1,18}(\.\d{1,6})?", text) for text in texts]
    wanted = [text and float(text) for text, fit in zip(texts, ok, strict=True) if fit]
    assert [str(value) for value in values.filter(ok).to_pylist()] == [str(value) for value in wanted]


def micros_of(text):
    """Return the microseconds of a text that is a time since 2000, in UTC and of the three sizes; or None."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}|\d{6}))?Z", text, re.ASCII)
    if not found:
        return None
    try:
        at = datetime(*map(int, found.groups()[:6]), tzinfo=UTC)
    except ValueError:
        return None
    micros = (at - EPOCH) // timedelta(microseconds=1) + int((found[7] or "0").ljust(6, "0"))
    return micros if at.year >= 2000 else None


FORMS = ["2026-10-15T12:34:56Z", "2026-10-15T12:34:56.789Z", "2026-10-15T12:34:56.789012Z"]
DAYS = [
    f"{year}-{month:02}-{day:02}"
    for year in (2000, 2001, 2023, 2024, 2100, 2101, 2400, 2401)
    for month in range(1, 13)
    for day in (1, 28, 29, 30, 31)
]
ODD_DAYS = ["2026-00-01", "2026-13-01", "2026-14-01", "2026-20-01", "2026-99-01", "2026-05-00", "2026-05-32", "2026-05-99", "9999-12-31",
            "0000-01-01", "0001-01-01", "1999-12-31", "1970-01-01", "2026-02-29", "2100-02-29", "1900-02-29"]  # fmt: skip
HOURS = ["00:00:00", "23:59:59", "24:00:00", "23:60:00", "23:59:60", "99:00:00", "00:99:00", "00:00:99", "29:00:00"]
TIMES = [
    *FORMS,
    *[f"{day}T00:00:00Z" for day in (*DAYS, *ODD_DAYS)],
    *[f"2026-06-15T{hour}{rest}Z" for hour in HOURS for rest in ("", ".000", ".999999")],
    "1999-12-31T23:59:59.999999Z", "1999-12-31T23:59:59.999Z", "2000-01-01T00:00:00.000000Z",
    *[form[:place] + other + form[place + 1 :] for form in FORMS for place in range(len(form)) for other in "/:.-09TZz "],
    *[form[:-1] + end for form in FORMS for end in ("", "ZZ", "+00:00", "1Z", "é")],
]  # fmt: skip


def read_or_none(texts):
    return [int(at) if fit else None for at, fit in zip(*parse_times(strings(texts)), strict=True)]


def test_a_time_is_parsed_exactly_or_rejected():
    assert {text: read_or_none([text]) for text in TIMES} == {text: [micros_of(text)] for text in TIMES}


def test_times_of_all_sizes_are_read_among_each_other():
    texts = [text for time in TIMES for text in (time, "2026-01-01T00:00:00Z")]
    assert read_or_none(texts) == list(map(micros_of, texts))
    assert parse_times(strings([None, texts[0], None]))[1].tolist() == [True, True, True]
    assert read_or_none([]) == []


def test_texts_equal_their_bytes():
    assert texts_of([b"a", None, "é".encode()]).to_pylist() == ["a", None, "é"]
