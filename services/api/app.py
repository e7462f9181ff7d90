"""The application: its routes, its state, and its OpenAPI document."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from services.api.auth.authenticate import KEY, OAUTH, Authenticator
from services.api.auth.principal import DESCRIPTIONS
from services.api.data.analytics import Analytics
from services.api.data.publisher import Publisher
from services.api.data.reader import ReadModel
from services.api.event_schema import event_schemas
from services.api.http.limits import RateLimiter
from services.api.http.metrics import MeasureRequests, RequestMetrics
from services.api.http.own_machine import OwnMachineOnly
from services.api.http.problems import ProblemDetails, ProblemError, add_handlers
from services.api.ingest import RecentIds
from services.api.options import MAX_BODY_BYTES, TOKEN_URL
from services.api.routes import customers, figures, operations, orders, send
from transforms.clock import wall_us

PREFIX = "/api/v1"
TITLE = "Analytics API"
VERSION = "1.0.0"
DESCRIPTION = (
    "Orders, customers, stock levels and sagas as the newest events make them, figures of BigQuery, and an entrance for"
    " events. Errors are problem details (RFC 9457). Money is exact text, times are RFC 3339 in UTC."
)
TAGS = {
    "orders": "orders, their sagas and their events",
    "customers": "customers; hashed names and addresses only with the scope personal:read",
    "stock": "what is reserved of each article",
    "figures": "revenue, telemetry, the pipeline's metrics, dead letters",
    "events": "send events",
    "operations": "health, readiness, metrics",
}


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What the application works with.

    Args:
        read_model: the read model.
        analytics: BigQuery.
        publisher: Pub/Sub; None: the service takes no events.
        authenticator: who may call.
        limiter: requests per caller.
        max_body_bytes: largest body of `POST /events`.
        wall: wall clock, UTC microseconds.
        token_url: where callers get tokens, for the OpenAPI document.
    """

    read_model: ReadModel
    analytics: Analytics
    publisher: Publisher | None
    authenticator: Authenticator
    limiter: RateLimiter
    max_body_bytes: int = MAX_BODY_BYTES
    wall: Callable[[], int] = field(default=wall_us)
    token_url: str = TOKEN_URL


def create_app(given: Dependencies | None) -> FastAPI:
    """Return the application; without dependencies it has its OpenAPI document only."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if given is not None:
            given.read_model.close()
            if given.publisher is not None:
                given.publisher.close()
        metrics.close()

    app = FastAPI(
        title=TITLE, version=VERSION, description=DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json", redirect_slashes=False,
        openapi_tags=[{"name": name, "description": text} for name, text in sorted(TAGS.items())],
    )  # fmt: skip
    metrics = RequestMetrics()
    if given is not None:
        for name in ("read_model", "analytics", "publisher", "authenticator", "limiter", "max_body_bytes", "wall"):
            setattr(app.state, name, getattr(given, name))
    app.state.recent, app.state.metrics = RecentIds(), metrics
    add_handlers(app)
    for part in (orders, customers, figures, send):
        app.include_router(part.router, prefix=PREFIX)
    app.include_router(operations.router)
    if given is not None and given.authenticator.open_to_everyone:
        app.add_middleware(OwnMachineOnly)
    app.add_middleware(MeasureRequests, metrics=metrics, prefix=PREFIX)
    make = app.openapi
    app.openapi = lambda: complete(make(), given.token_url if given is not None else TOKEN_URL)  # type: ignore[method-assign]
    return app


def complete(document: dict[str, Any], token_url: str) -> dict[str, Any]:
    """Add to FastAPI's document what it cannot tell: security schemes, the contract's events, problems."""
    if "securitySchemes" in document.get("components", {}):
        return document
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (ProblemDetails, ProblemError):
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        made.pop("$defs", None)
        schemas[model.__name__] = made
    schemas.update(event_schemas())
    scopes = {str(scope): text for scope, text in DESCRIPTIONS.items()}
    components["securitySchemes"] = {
        OAUTH: {
            "type": "oauth2", "description": "a JSON Web Token of the issuer, RS256 or ES256",
            "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": scopes}},
        },
        KEY: {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a key that `api-key` made"},
    }  # fmt: skip
    document["servers"] = [{"url": "/", "description": "this service"}]
    document["info"]["license"] = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
    document["info"]["contact"] = {
        "name": "the team that runs the pipelines",
        "url": "https://example.com",
        "email": "api@example.com",
    }
    return document
