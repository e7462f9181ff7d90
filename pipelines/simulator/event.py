"""A simulated event, its envelope, and the simulated message that carries it."""

from datetime import datetime
from typing import Final, NamedTuple

from pipelines.simulator.clock import rfc3339, to_datetime

TOPICS: Final = ("orders", "customers", "inventory", "iot-events")
TOPIC_OF: Final = {
    "order.created": "orders",
    "order.updated": "orders",
    "order.completed": "orders",
    "payment.processed": "orders",
    "payment.failed": "orders",
    "customer.registered": "customers",
    "customer.updated": "customers",
    "inventory.reserved": "inventory",
    "inventory.released": "inventory",
    "iot.telemetry": "iot-events",
}
SOURCE_OF: Final = {
    "order": "order-service",
    "payment": "payment-service",
    "customer": "customer-service",
    "inventory": "inventory-service",
    "iot": "iot-gateway",
}
_SOURCES: Final = {name: SOURCE_OF[name.partition(".")[0]] for name in TOPIC_OF}
JSON_CONTENT: Final = '"application/json"'


class Event(NamedTuple):
    """A planned event. `data` is JSON text; the fields below it feed the expected results."""

    event_id: str
    event_type: str
    time_us: int
    data: str
    correlation_id: str
    causation_id: str | None = None
    amount: int | None = None  # ten-thousandths of `currency`: of payments, and of created orders with a total
    currency: str = ""
    stock: tuple[str, int] | None = None  # (sku|warehouse, quantity: reserved is positive, released negative)
    reading: tuple[str, int] | None = None  # (metric, hundredths)


class SimulatedMessage(NamedTuple):
    """A message as Pub/Sub delivers it, and its expected outcome.

    `outcome` is `valid`, `duplicate` or the code of the dead letter; `stage` is the dead letter's stage. `event` is the
    event that it carries first, repeats, or was made invalid from. `line` is set if the file's line is not a message;
    it then has a topic and a publish time, but no data.
    """

    topic: str
    message_id: str
    publish_us: int
    attributes: dict[str, str]
    data: bytes
    outcome: str
    event: Event
    stage: str = ""
    notes: tuple[str, ...] = ()
    late: bool = False
    line: bytes | None = None

    @property
    def publish_time(self) -> datetime:
        """Return the publish time as an aware datetime."""
        return to_datetime(self.publish_us)


def envelope(
    event: Event, *, time: str | None = None, content: str | None = JSON_CONTENT, root: str = "null", extra: str = ""
) -> str:
    """Return the event as JSON text.

    `time` overrides the event time's text; `content` None omits the content type; `root` is the causation id of an
        event without a cause ("" omits the field); `extra` is text for the end of the envelope.
    """
    cause = f'"{event.causation_id}"' if event.causation_id else root
    cause = f',"causationId":{cause}' if cause else ""
    kind = f'"dataContentType":{content},' if content else ""
    return (
        f'{{"eventId":"{event.event_id}","eventType":"{event.event_type}",'
        f'"eventTime":"{time or rfc3339(event.time_us)}","source":"{_SOURCES[event.event_type]}",'
        f'{kind}"data":{event.data},"metadata":{{"correlationId":"{event.correlation_id}"{cause}}}{extra}}}'
    )
