"""Health, readiness and metrics: for the platform, not for callers; outside `/api/v1`."""

import ipaddress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from services.api.auth.authenticate import need
from services.api.auth.principal import Scope
from services.api.data.errors import Unavailable
from services.api.http.metrics import CONTENT_TYPE
from services.api.models import Status
from services.api.routes.common import problem

router = APIRouter(tags=["operations"])
NOT_READY: dict[int | str, Any] = {503: {"model": Status, "description": "a store does not answer"}}


@router.get("/health", responses={200: {"model": Status, "description": "the process answers"}})
async def health() -> Response:
    """Return whether the process answers; stores are not asked."""
    return JSONResponse({"status": "ok"})


@router.get("/ready", responses={200: {"model": Status, "description": "every store answers"}, **NOT_READY})
async def ready(request: Request) -> Response:
    """Return whether the stores answer: a platform sends no requests to an instance that is not ready."""
    state, checks = request.app.state, {}
    for name, store in (("read_model", state.read_model), ("bigquery", state.analytics)):
        try:
            await store.check()
            checks[name] = "ok"
        except Unavailable:
            checks[name] = "does not answer"
    done = all(value == "ok" for value in checks.values())
    return JSONResponse({"status": "ok" if done else "not ready", "checks": checks}, 200 if done else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text"},
        401: problem(401), 403: problem(403), 503: problem(503),
    },
)  # fmt: skip
async def metrics(request: Request) -> Response:
    """Return the service's metrics, to this machine (a collector beside the service) or with the scope metrics:read."""
    if not is_loopback(request):
        need(await request.app.state.authenticator.authenticate(request), Scope.METRICS)
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def is_loopback(request: Request) -> bool:
    """Return whether a request comes from this machine itself and not through a proxy."""
    if request.client is None or any(name in request.headers for name in ("forwarded", "x-forwarded-for")):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
