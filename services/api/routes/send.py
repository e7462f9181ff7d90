"""Send events: `POST /events` checks them by the contract and publishes them, for producers without Pub/Sub."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response

from schemas.timestamps import parse_rfc3339
from services.api.auth.authenticate import caller, security
from services.api.auth.principal import Scope
from services.api.data.errors import Unavailable
from services.api.http.limits import read_body
from services.api.http.problems import Problem
from services.api.ingest import AcceptedEvent, Rejected, conflict_fault, take_events
from services.api.models import SentEvents
from services.api.routes.common import NoQuery, answers

router = APIRouter(tags=["events"])
EVENT_SCHEMA = "Event"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": f"#/components/schemas/{EVENT_SCHEMA}"},
                        {
                            "type": "array", "minItems": 1, "maxItems": 500,
                            "items": {"$ref": f"#/components/schemas/{EVENT_SCHEMA}"},
                        },
                    ]
                }
            }
        },
    }
}  # fmt: skip


@router.post(
    "/events", status_code=201, responses=answers(SentEvents, 400, 409, 413, 415, tag=False, ok=201),
    openapi_extra={**_BODY, **security(Scope.EVENTS)}, dependencies=[Depends(caller(Scope.EVENTS))],
)  # fmt: skip
async def send_events(
    request: Request,
    query: Annotated[NoQuery, Query()],  # noqa: ARG001 - rejects parameters that are not known
) -> Response:
    """Check one event or up to 500, and publish all or none of them.

    A request that was answered with 503 may be sent again as it is: events are counted once by their id.
    """
    state = request.app.state
    if request.headers.get("content-type", "application/json").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "the body must be application/json")
    body = await read_body(request, state.max_body_bytes)
    if state.publisher is None:
        raise Unavailable("this service does not publish: --publish_project names the topics' project")
    try:
        events = take_events(body, state.wall())
    except Rejected as rejected:
        raise Problem(rejected.status, rejected.detail, errors=rejected.errors) from None
    if faults := [conflict_fault(n) for n, event in enumerate(events) if await _conflicts(request, event)]:
        raise Problem(409, "no event was published: another event with the same id is known", errors=faults)
    ids = await state.publisher.publish([(event.topic, event.data) for event in events])
    for event in events:
        state.recent.add(event)
    sent = [
        {"event_id": event.event_id, "topic": event.topic, "message_id": message_id}
        for event, message_id in zip(events, ids, strict=True)
    ]
    return JSONResponse({"events": sent}, 201, headers={"Cache-Control": "no-store"})


async def _conflicts(request: Request, event: AcceptedEvent) -> bool:
    """Return whether the id is known for another event: to this process, or to the read model."""
    state = request.app.state
    if state.recent.conflicts(event):
        return True
    known = await state.read_model.applied(event.event_id)
    if known is None:
        return False
    return bool(known["event_type"] != event.event_type or parse_rfc3339(known["event_time"])[0] != event.event_time)
