"""Responses with an entity tag (RFC 9110): 304 if the caller has this very body already."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_TAGS = re.compile(r'(?:W/)?("[^"]*")|\*')


def json_response(request: Request, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON with its entity tag, or 304 without it."""
    content = msgspec.json.encode(body)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    given = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, X-API-Key", **(headers or {})}
    if has_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=given)
    return Response(content, headers=given, media_type="application/json")


def has_tag(header: str | None, tag: str) -> bool:
    """Return whether `If-None-Match` names a tag; weak tags count."""
    if header is None:
        return False
    return any(found[0] == "*" or found[1] == tag for found in _TAGS.finditer(header[:4096]))
