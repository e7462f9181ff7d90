"""What the routes share: types of parameters, documented responses, times of requests."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.timestamps import TimeFormatError, TimeRangeError, parse_rfc3339, to_rfc3339
from services.api.http.problems import MEDIA_TYPE, ProblemDetails

ID = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$"
TAG = {"ETag": {"description": "entity tag of the body", "schema": {"type": "string"}, "required": True}}
LINK = {"Link": {"description": "first, prev and next page (RFC 8288)", "schema": {"type": "string"}}}
_WORDS = {
    400: "the request is not valid",
    401: "the credentials are missing or not valid",
    403: "the caller lacks the scope",
    404: "there is no such record",
    409: "an event with this id and other content is known",
    413: "the body is too large",
    415: "the body is not JSON by its content type",
    422: "a parameter is not valid",
    429: "too many requests",
    500: "an unexpected error",
    503: "a store does not answer",
}


def _moment(text: str) -> str:
    """Return a time as RFC 3339 in UTC; ValueError for what is none."""
    try:
        return to_rfc3339(parse_rfc3339(text)[0])
    except (TimeFormatError, TimeRangeError):
        raise ValueError("not a time") from None


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("U+0000")
    return text


Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]
FilterText = Annotated[str, AfterValidator(_no_nul), Field(max_length=256)]
FilterId = Annotated[str, Field(pattern=ID)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
RecordId = Annotated[str, Path(pattern=ID, description="id of the record")]


class NoQuery(BaseModel):
    """A route without query parameters."""

    model_config = ConfigDict(extra="forbid")


def answers(model: Any, *statuses: int, page: bool = False, tag: bool = True, ok: int = 200) -> dict[int | str, Any]:
    """Return the documented responses of a route: its success, 304, and problems.

    Args:
        model: the model of the body.
        statuses: statuses of problems besides those that every route has.
        page: whether the response has links to other pages.
        tag: whether it has an entity tag.
        ok: the status of success.
    """
    headers = {**(TAG if tag else {}), **(LINK if page else {})}
    made: dict[int | str, Any] = {
        ok: {"model": model, "description": "done", **({"headers": headers} if headers else {})}
    }
    if tag:
        made[304] = {"description": "the caller has this body already", "headers": TAG}
    for status in sorted({401, 403, 422, 429, 500, 503, *statuses}):
        made[status] = problem(status)
    return made


def problem(status: int) -> dict[str, Any]:
    """Return the documentation of a problem."""
    return {
        "description": _WORDS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}}},
    }
