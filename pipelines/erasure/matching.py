"""Which records are a customer's: one judgement for tables and files. Pure.

A customer's own events go, and so does every refused message that names the customer. Orders and what follows from
them stay, as books that must be kept: they hold the customer's id and nothing that says who that is. Why stands in
docs/personal-data.md.
"""

from collections.abc import Mapping

from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message
from schemas.personal_data_search import Mentions
from schemas.registry import REGISTRY, EventType, Registry
from schemas.tables.column import snake_case

ENTITY = "customerId"


class Person:
    """One customer, as the registry's events name one."""

    def __init__(self, customer_id: str, registry: Registry = REGISTRY) -> None:
        self.customer_id = customer_id
        self.own: list[EventType] = [event_type for event_type in registry if event_type.entity == ENTITY]
        self.tables = sorted({event_type.table for event_type in self.own})
        self.column = snake_case(ENTITY)
        self.event_types = [event_type.name for event_type in self.own]
        self._mentions = Mentions(customer_id)
        # As events or as dead letters, CloudEvents are the customer's whether a run accepted them or not.
        self._decode = Decoder(registry, accept_cloudevents=True).decode

    def owns_message(self, message: Message) -> bool:
        """Tell whether a message of the archive is the customer's own event, or names the customer and was refused."""
        if not self._mentions.in_message(message.data, message.attributes):
            return False
        outcome = self._decode(message)
        if isinstance(outcome, Event):
            return outcome.event_type in self.event_types and outcome.entity_id == self.customer_id
        return True

    def owns_dead_letter(self, payload: bytes | None, attributes: Mapping[str, str]) -> bool:
        """Tell whether a dead letter names the customer."""
        return self._mentions.in_message(payload or b"", attributes)
