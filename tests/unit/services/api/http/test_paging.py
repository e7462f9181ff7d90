"""Pages: bounds, links and cursors."""

import pytest
from pydantic import ValidationError

from schemas.read_model.select import EVENT_ROWS, ORDER_ROWS, STOCK_ROWS
from services.api.http.paging import MAX_PAGE, Page, PageQuery, decode_cursor, encode_cursor, link_header, list_body
from services.api.http.problems import Problem
from services.api.http.responses import has_tag


def rows(count: int) -> list[dict]:
    return [{"order_id": f"o{number}"} for number in range(count)]


def test_one_row_more_than_the_page_is_the_next_page():
    page = Page(PageQuery(page=2, size=3), ORDER_ROWS)
    assert (page.limit, page.offset) == (4, 3)
    body, after = list_body(rows(4), page, ORDER_ROWS)
    assert [row["order_id"] for row in body["items"]] == ["o0", "o1", "o2"]
    assert body["next"] == after == encode_cursor(["o2"])
    assert decode_cursor(after, ORDER_ROWS) == ["o2"]
    link = link_header("/o", {"page": "2", "size": "3", "status": "a b"}, page, True, after)
    assert link == (
        '</o?size=3&status=a+b&page=1>; rel="first", </o?size=3&status=a+b&page=1>; rel="prev",'
        ' </o?size=3&status=a+b&page=3>; rel="next"'
    )
    assert list_body(rows(3), page, ORDER_ROWS)[1] is None


def test_numbers_end_at_the_bound_and_the_link_goes_on_with_a_cursor():
    with pytest.raises(ValidationError):
        PageQuery(page=MAX_PAGE + 1)
    last = Page(PageQuery(page=MAX_PAGE, size=20), ORDER_ROWS)
    link = link_header("/o", {}, last, True, "cursor")
    assert link is not None
    assert '</o?after=cursor>; rel="next"' in link


def test_cursors_of_times_and_of_two_columns():
    key = ["2026-06-15T12:00:00.000001Z", "3f1c9a52-7d44-4c1b-9f65-0a1b2c3d4e5f"]
    assert decode_cursor(encode_cursor(key), EVENT_ROWS) == [1781524800000001, key[1]]
    assert decode_cursor(encode_cursor(["a", ""]), STOCK_ROWS) == ["a", ""]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "===",
        encode_cursor([]),
        encode_cursor(["a", "b"]),
        encode_cursor([1]),
        encode_cursor(["a\x00"]),
        "W10" * 300,
        "é",
    ],
)
def test_what_is_no_cursor_of_the_list_is_422(text):
    with pytest.raises(Problem) as error:
        decode_cursor(text, ORDER_ROWS)
    assert error.value.status == 422


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_entity_tags_are_compared_weakly(header, found):
    assert has_tag(header, '"a"') is found
