"""Problem details (RFC 9457): every error of the API as application/problem+json, without a value of the request in it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.api.auth.jwks import KeysUnavailable
from services.api.auth.principal import NotAllowed, NotAuthenticated
from services.api.data.errors import Unavailable

MEDIA_TYPE = "application/problem+json"
REALM = 'realm="event-pipelines"'
_LOG = logging.getLogger(__name__)


class ProblemError(BaseModel):
    """One fault of a request."""

    index: int | None = Field(default=None, description="position of the event in the request, from 0")
    stage: str | None = Field(default=None, description="stage of the contract's check")
    code: str = Field(description="the contract's code, or the kind of the fault")
    path: str = Field(description="the field or parameter")
    detail: str = Field(description="what is wrong; quotes no value")


class ProblemDetails(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(json_schema_extra={"description": "An error (RFC 9457)."})

    type: str = Field(description="about:blank: the title is that of the status")
    title: str
    status: int
    detail: str
    errors: list[ProblemError] | None = None


class Problem(Exception):
    """An error that a route answers with.

    Args:
        status: the HTTP status.
        detail: one sentence that quotes no value of the request.
        errors: single faults.
        headers: more headers of the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors, dict(headers or {})


def problem_body(status: int, detail: str, errors: list[dict[str, Any]] | None = None) -> bytes:
    """Return the body of a problem."""
    body: dict[str, Any] = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
    }  # fmt: skip
    if errors:
        body["errors"] = errors
    return msgspec.json.encode(body)


def problem_response(
    status: int,
    detail: str,
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem as a response."""
    given = {"Cache-Control": "no-store", **(headers or {})}
    return Response(problem_body(status, detail, errors), status, headers=given, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Make every error of an app a problem."""

    @app.exception_handler(Problem)
    async def on_problem(_request: Request, error: Problem) -> Response:
        return problem_response(error.status, error.detail, error.errors, error.headers)

    @app.exception_handler(NotAuthenticated)
    async def on_not_authenticated(_request: Request, error: NotAuthenticated) -> Response:
        challenge = f'Bearer {REALM}, error="invalid_token"' if error.presented else f"Bearer {REALM}"
        return problem_response(401, f"{error}", headers={"WWW-Authenticate": challenge})

    @app.exception_handler(NotAllowed)
    async def on_not_allowed(_request: Request, error: NotAllowed) -> Response:
        challenge = f'Bearer {REALM}, error="insufficient_scope", scope="{error.scope}"'
        return problem_response(403, f"{error}", headers={"WWW-Authenticate": challenge})

    @app.exception_handler(KeysUnavailable)
    @app.exception_handler(Unavailable)
    async def on_unavailable(_request: Request, error: Exception) -> Response:
        return problem_response(503, f"{error}", headers={"Retry-After": "5"})

    @app.exception_handler(RequestValidationError)
    async def on_validation(_request: Request, error: RequestValidationError) -> Response:
        errors = [_fault(fault) for fault in error.errors()]
        return problem_response(422, "a parameter of the request is not valid", errors)

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        detail = {404: "there is no such resource", 405: "the resource does not have this method"}
        text = detail.get(error.status_code, HTTPStatus(error.status_code).phrase)
        return problem_response(error.status_code, text, headers=error.headers)

    @app.exception_handler(Exception)
    async def on_bug(_request: Request, error: Exception) -> Response:
        _LOG.error("unexpected error: %s%s", type(error).__name__, _place(error))
        return problem_response(500, "an unexpected error; the service's log has its place")


def _fault(fault: Mapping[str, Any]) -> dict[str, Any]:
    where = [str(part) for part in fault["loc"]]
    return {"code": str(fault["type"]), "path": ".".join(where[1:] or where), "detail": _words(str(fault["type"]))}


def _words(kind: str) -> str:
    """Return what a kind of fault of pydantic means: its own messages may quote the value."""
    known = {
        "extra_forbidden": "this parameter is not known",
        "missing": "this parameter is required",
        "string_pattern_mismatch": "the text does not have the required form",
        "enum": "the value is not one of those that are documented",
        "literal_error": "the value is not one of those that are documented",
        "value_error": "the value does not have the required form",
    }
    return known.get(kind, f"the value is not valid ({kind.replace('_', ' ')})")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    last = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if f"{Path(__file__).parents[3]}/" in name and ".venv" not in name:
            last = f" at {Path(name).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return last or ""
