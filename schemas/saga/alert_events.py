"""Saga alerts and compensation requests as events in the contract's own envelope, for other services to act on.

Event ids are UUIDv5, so publishing a saga again gives the same ids and receivers drop what they know: an alert
is one event per saga; a compensation request is one event per request and causing event.
"""

import json
import re
from typing import Any, Final
from uuid import UUID, uuid5

from schemas.saga.open_items import Compensation
from schemas.saga.reducer import Alert, CompensationRequest, Saga
from schemas.saga.transitions import AlertName
from schemas.timestamps import to_rfc3339

SOURCE: Final = "event-pipelines"
# Fixed for ever: another namespace would make every alert a new event.
SAGA_NAMESPACE: Final = UUID("6f0c7d0a-5b1e-5c39-9d57-3f2b8e6a4c11")
TOPIC: Final = re.compile(r"projects/[a-z0-9.:-]+/topics/[A-Za-z][\w.~+%-]{2,254}", re.ASCII)
"""Pub/Sub's own rule for the full name of a topic."""
COMPENSATION_REQUESTED: Final = "saga.compensation_requested"
EVENT_TYPES: Final[dict[AlertName, str]] = {
    AlertName.SAGA_STUCK: "saga.stuck",
    AlertName.SAGA_RECOVERED: "saga.recovered",
    AlertName.COMPENSATION_ORDER: "saga.compensation_order",
    AlertName.ILLEGAL_TRANSITION: "saga.illegal_transition",
}


def saga_alert_event(saga: Saga, alert: Alert | CompensationRequest) -> dict[str, Any]:
    """Return the envelope of one alert, or one request, of the saga."""
    data: dict[str, Any] = {"orderId": saga.order_id, "state": str(alert.state)}
    if isinstance(alert, Alert):
        event_type = EVENT_TYPES[alert.name]
        identity: list[object] = [saga.order_id, event_type]
        data["alert"] = str(alert.name)
    else:
        event_type = COMPENSATION_REQUESTED
        data["steps"] = [_step(step) for step in alert.steps]
        identity = [saga.order_id, event_type, alert.event_id, *alert.steps]
    return {
        "eventId": str(uuid5(SAGA_NAMESPACE, json.dumps(identity))),
        "eventType": event_type,
        "eventTime": to_rfc3339(alert.time_us),
        "source": SOURCE,
        "dataContentType": "application/json",
        "data": data,
        "metadata": {"correlationId": saga.correlation_id, "causationId": alert.event_id},
    }


def saga_alert_events(saga: Saga) -> list[dict[str, Any]]:
    """Return all alerts and requests of the saga as envelopes, by event time; at one time alerts go first."""
    notices: list[Alert | CompensationRequest] = [*saga.raised, *saga.requests]
    return [saga_alert_event(saga, notice) for notice in sorted(notices, key=lambda notice: notice.time_us)]


def _step(step: Compensation) -> dict[str, Any]:
    """Return a step with only the fields that it has."""
    fields = {
        "step": step.step,
        "paymentId": step.payment_id,
        "reservationId": step.reservation_id,
        "sku": step.sku,
        "quantity": step.quantity,
    }
    return {name: value for name, value in fields.items() if value}
