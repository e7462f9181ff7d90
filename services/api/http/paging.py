"""Pages: a number and a size within bounds, or a cursor for what lies deeper; `Link` headers (RFC 8288) lead on.

A page by number makes the store skip all rows before it, so numbers end at `MAX_PAGE`. A cursor is the key of the last
record, and costs the same at any depth.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from schemas.decode.envelope import is_uuid
from schemas.read_model.select import Resource
from schemas.timestamps import parse_rfc3339
from services.api.http.problems import Problem

DEFAULT_SIZE = 20
MAX_SIZE = 200
MAX_PAGE = 50
MAX_CURSOR = 1024


class NumberQuery(BaseModel):
    """Parameters of every list; other parameters than those that are declared are an error."""

    model_config = ConfigDict(extra="forbid")

    page: Annotated[int, Field(ge=1, le=MAX_PAGE, description="number of the page, from 1; deeper: `after`")] = 1
    size: Annotated[int, Field(ge=1, le=MAX_SIZE, description="records of a page")] = DEFAULT_SIZE


class PageQuery(NumberQuery):
    """Parameters of a list that has cursors."""

    after: Annotated[
        str | None,
        Field(max_length=MAX_CURSOR, description="cursor: the `next` of the page before; replaces `page`"),
    ] = None


class Page:
    """The wanted page of a list.

    Args:
        query: its parameters.
        resource: what is listed; None: the list has no cursors.
    """

    def __init__(self, query: NumberQuery, resource: Resource | None = None) -> None:
        self.number, self.size = query.page, query.size
        text = query.after if isinstance(query, PageQuery) else None
        self.after = decode_cursor(text, resource) if text is not None and resource is not None else None

    @property
    def limit(self) -> int:
        """Rows to read: one more than the page has tells whether there is another page."""
        return self.size + 1

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return 0 if self.after is not None else (self.number - 1) * self.size


def encode_cursor(key: Sequence[Any]) -> str:
    """Return the cursor of a key."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode_cursor(text: str, resource: Resource) -> list[Any]:
    """Return the key of a cursor, times as UTC microseconds; Problem 422 if it is none of this list."""
    try:
        key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(key, list) or len(key) != len(resource.key):
            raise ValueError
        return [_key_cell(resource, name, cell) for name, cell in zip(resource.key, key, strict=True)]
    except (binascii.Error, ValueError, RecursionError):  # the errors of times are ValueErrors
        raise _fault("cursor", "after", "it is not a cursor of this list") from None


def _key_cell(resource: Resource, name: str, cell: Any) -> Any:
    if not isinstance(cell, str) or "\x00" in cell:
        raise ValueError
    if resource.column(name).type == "TIMESTAMP":
        return parse_rfc3339(cell)[0]
    if name == "event_id" and not is_uuid(cell):
        raise ValueError
    return cell


def list_body(
    records: list[dict[str, Any]], page: Page, resource: Resource | None
) -> tuple[dict[str, Any], str | None]:
    """Return the body of a list and the cursor of the next page; None if this is the last or there are no cursors."""
    shown = records[: page.size]
    more = len(records) > page.size
    after = encode_cursor([shown[-1][name] or "" for name in resource.key]) if more and resource else None
    body: dict[str, Any] = {"items": shown, "size": page.size, "next": after}
    if page.after is None:
        body["page"] = page.number
    return body, after


def link_header(path: str, given: Mapping[str, str], page: Page, more: bool, after: str | None) -> str | None:
    """Return the header `Link` of a page: first, previous and next.

    Args:
        path: path of the resource.
        given: the query parameters of the request.
        page: the page.
        more: whether there is another page.
        after: its cursor; None: the list has none.
    """
    rest = {name: value for name, value in given.items() if name not in ("page", "after")}

    def link(relation: str, **changed: Any) -> str:
        return f'<{path}?{urlencode({**rest, **changed})}>; rel="{relation}"'

    links = []
    if page.after is not None:
        links.append(link("first", page=1))
    elif page.number > 1:
        links += [link("first", page=1), link("prev", page=page.number - 1)]
    if more:
        by_number = page.after is None and page.number < MAX_PAGE
        if by_number:
            links.append(link("next", page=page.number + 1))
        elif after is not None:
            links.append(link("next", after=after))
    return ", ".join(links) or None


def _fault(code: str, path: str, detail: str) -> Problem:
    fault = {"code": code, "path": path, "detail": detail}
    return Problem(422, "a parameter of the request is not valid", errors=[fault])
