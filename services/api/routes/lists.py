"""Lists of the read model: their page, the filter of a caller that is limited to one customer, and their response."""

from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from schemas.read_model.select import Resource
from schemas.timestamps import SECOND_US, parse_rfc3339, to_rfc3339
from services.api.auth.principal import Principal
from services.api.http.paging import Page, link_header, list_body
from services.api.http.problems import Problem
from services.api.http.responses import json_response

EARLIEST_US = -62_135_596_800 * SECOND_US
"""Year 1."""


async def read_page(
    request: Request, resource: Resource, *, equal: dict[str, str | None], page: Page, as_of: str | None = None
) -> list[dict[str, Any]]:
    """Return the records of a page and one more: of the read model, or as of a time of BigQuery."""
    state = request.app.state
    reader = state.read_model.page if as_of is None else partial(state.analytics.as_of, moment=as_of)
    return list(await reader(resource, equal=equal, limit=page.limit, offset=page.offset, after=page.after))


def within(principal: Principal, equal: dict[str, str | None]) -> dict[str, str | None] | None:
    """Return the filters of a caller; None if a caller that is limited to one customer asks for another's records."""
    if principal.customer_id is None:
        return equal
    if equal.get("customer_id") not in (None, principal.customer_id):
        return None
    return {**equal, "customer_id": principal.customer_id}


def list_response(
    request: Request, records: list[dict[str, Any]], page: Page, resource: Resource | None = None
) -> Response:
    """Return a page as a response with its links.

    Args:
        request: the request.
        records: the records of the page, and one more if there is another page.
        page: the page.
        resource: what is listed; None: the list has no cursors.
    """
    body, after = list_body(records, page, resource)
    link = link_header(request.url.path, request.query_params, page, len(records) > page.size, after)
    return json_response(request, body, {"Link": link} if link else None)


def time_range(start: str | None, end: str | None, now_us: int, default_us: int, longest_us: int) -> tuple[str, str]:
    """Return the first instant and the end of a range as RFC 3339; Problem 422 if it is empty or too long.

    Args:
        start: its first instant; None: `default_us` before its end.
        end: first instant after it; None: now.
        now_us: the wall clock, UTC microseconds.
        default_us: length of a range without a start, microseconds.
        longest_us: the longest range, microseconds.
    """
    last = now_us if end is None else parse_rfc3339(end)[0]
    first = last - default_us if start is None else parse_rfc3339(start)[0]
    if not 0 < last - first <= longest_us:
        days = longest_us // (86_400 * SECOND_US)
        fault = {"code": "range", "path": "from", "detail": f"the range is empty, or longer than {days} days"}
        raise Problem(422, "the range of time is not valid", errors=[fault])
    return to_rfc3339(max(first, EARLIEST_US)), to_rfc3339(last)
