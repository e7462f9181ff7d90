"""One simulated event, how it is written as an envelope, and one simulated message that carries it."""

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
    """A planned event. `data` is JSON text; the rest below it is what the truth counts."""

    event_id: str
    event_type: str
    time_us: int
    data: str
    correlation_id: str
    causation_id: str | None = None
    amount: int | None = None  # ten-thousandths of `currency`: of payments, and of created orders that tell a total
    currency: str = ""
    stock: tuple[str, int] | None = None  # (sku|warehouse, quantity: reserved is positive, released negative)
    reading: tuple[str, int] | None = None  # (metric, hundredths)


class SimulatedMessage(NamedTuple):
    """A message as the bus delivers it, and the outcome that it must have.

    `outcome` is `valid`, `duplicate` or the code of the dead letter, whose stage then stands in `stage`. `event` is
    the event that it carries for the first time, or the one that it repeats or was spoiled from. `line` is set where
    the file holds something that is no message at all; such a one has a topic and a publish time, but no data.
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
        """The publish time as an aware datetime."""
        return to_datetime(self.publish_us)


def envelope(
    event: Event, *, time: str | None = None, content: str | None = JSON_CONTENT, root: str = "null", extra: str = ""
) -> str:
    """Return the event as JSON text.

    `time` overrides how the event time is written; `content` None leaves the content type out; `root` is what an
    event without cause says of it ("" leaves the field out); `extra` is more text for the end of the envelope.
    """
    cause = f'"{event.causation_id}"' if event.causation_id else root
    cause = f',"causationId":{cause}' if cause else ""
    kind = f'"dataContentType":{content},' if content else ""
    return (
        f'{{"eventId":"{event.event_id}","eventType":"{event.event_type}",'
        f'"eventTime":"{time or rfc3339(event.time_us)}","source":"{_SOURCES[event.event_type]}",'
        f'{kind}"data":{event.data},"metadata":{{"correlationId":"{event.correlation_id}"{cause}}}{extra}}}'
    )
