"""Decide which records belong to a customer: one decision for tables and files. Pure.

A customer's own events are deleted, and so is every dead letter that names the customer. Orders and what follows from them
are kept: they are business records that the law requires, and hold the customer's id and nothing that says who that is
(docs/personal-data.md).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import UNKNOWN_TOPIC, Message, NotAMessage, parse_line
from schemas.message_records import from_record
from schemas.personal_data_search import Mentions
from schemas.registry import REGISTRY, EventType, Registry
from schemas.tables.column import snake_case

ENTITY = "customerId"


class Person:
    """One customer, as the events of the registry name one.

    Args:
        customer_id: the `customerId` of the customer's events.
        registry: the event types.
    """

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
        """Tell whether a message of the archive is the customer's own event, or was rejected and names the customer."""
        if not self._mentions.in_message(message.data, message.attributes):
            return False
        outcome = self._decode(message)
        if isinstance(outcome, Event):
            return outcome.event_type in self.event_types and outcome.entity_id == self.customer_id
        return True

    def owns_dead_letter(self, payload: bytes | None, attributes: Mapping[str, str]) -> bool:
        """Tell whether a dead letter names the customer."""
        return self._mentions.in_message(payload or b"", attributes)

    def owns_record(self, record: Any, *, is_archive: bool) -> bool:
        """Tell whether a record of a file belongs to the customer.

        Args:
            record: a record of an Avro file of messages, or a line of a file of messages or of dead letters.
            is_archive: whether the file is part of the archive; otherwise it holds dead letters.
        """
        if isinstance(record, bytes):
            return self._owns_message_line(record) if is_archive else self._owns_dead_letter_line(record)
        message = from_record(record, UNKNOWN_TOPIC)
        return self._mentions.in_bytes(message.data) if isinstance(message, NotAMessage) else self.owns_message(message)

    def _owns_message_line(self, line: bytes) -> bool:
        message = parse_line(line, UNKNOWN_TOPIC)
        return self._mentions.in_bytes(line) if isinstance(message, NotAMessage) else self.owns_message(message)

    def _owns_dead_letter_line(self, line: bytes) -> bool:
        try:
            dead_letter = json.loads(line)
            payload = base64.b64decode(dead_letter["payload"] or "", validate=True)
            return self.owns_dead_letter(payload, dead_letter["attributes"] or {}) or self._mentions.in_bytes(line)
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            return self._mentions.in_bytes(line)  # no line of ours: searched as it is
