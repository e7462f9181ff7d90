"""A valid event and a dead letter: the two outcomes of decode."""

import hashlib
from decimal import Decimal

import msgspec

from schemas.message import MAX_BYTES, Message, NotAMessage
from schemas.models.field_types import Payload
from schemas.outcomes import Code, Rejected, Stage

DEAD_LETTER_BYTES = 64 * 1024
"""How much of a message over the size limit a dead letter keeps (docs/data-contract.md#outcomes)."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One valid event. Times are UTC microseconds since 1970; ids are in lower case.

    `data` and `extensions` are JSON text as it came; `content` is an 8-byte content hash, equal for
    equal events however they are spelled; `payload` is the validated data.
    """

    event_id: str
    event_type: str
    event_time: int
    source: str
    topic: str
    entity_id: str
    correlation_id: str
    causation_id: str | None
    data: str
    extensions: str | None
    notes: tuple[str, ...]
    message_id: str
    publish_time: int
    amount: Decimal | None
    content: bytes
    payload: Payload


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """One rejected message, whole, and the reason: `error_message` and `path` quote no value of the payload.

    `data` holds the bytes as they came (the first 64 KiB of a message over the limit); `publish_time` is
    None for a line that is no message. A dead letter of stage `sink` is a row that a table rejected: `table_name` is the
    table, `column_name` the column that it named.
    """

    stage: str
    code: str
    path: str
    error_message: str
    topic: str
    message_id: str | None
    publish_time: int | None
    attributes: dict[str, str]
    data: bytes
    size: int
    sha256: str
    event_id: str | None = None
    event_type: str | None = None
    attempt: int = 1
    table_name: str | None = None
    column_name: str | None = None

    @property
    def dead_letter_id(self) -> str:
        """Return an id that is equal for the same failure of the same message, or of the same event's row in a table."""
        parts = [self.topic, self.message_id or "", self.sha256, self.code, str(self.attempt)]
        if self.table_name is not None and self.event_id is not None:
            # The bytes of a row differ from run to run (run_id, ingest_time); its event and table do not.
            parts = [self.topic, self.event_id, self.table_name, self.code, str(self.attempt)]
        key = "\x1f".join(parts)
        return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]


def make_dead_letter(
    message: Message | NotAMessage,
    rejected: Rejected,
    event_id: str | None = None,
    event_type: str | None = None,
    *,
    table_name: str | None = None,
    column_name: str | None = None,
) -> DeadLetter:
    """Return the dead letter of a message, or of a row that the table `table_name` rejected. All are made here."""
    sent = message if isinstance(message, Message) else None
    kept = message.data[:DEAD_LETTER_BYTES] if len(message.data) > MAX_BYTES else message.data
    cut = message if isinstance(message, NotAMessage) and message.size else None
    return DeadLetter(
        stage=rejected.stage.value,
        code=rejected.code.value,
        path=rejected.path,
        error_message=rejected.detail,
        topic=message.topic,
        message_id=sent.message_id if sent else None,
        publish_time=sent.publish_time if sent else None,
        attributes=sent.attributes if sent else {},
        data=kept,
        size=cut.size if cut else len(message.data),
        sha256=cut.sha256 if cut else hashlib.sha256(message.data).hexdigest(),
        event_id=event_id,
        event_type=event_type,
        attempt=_attempt(sent.attributes) if sent else 1,
        table_name=table_name,
        column_name=column_name,
    )


def not_a_message(line: NotAMessage) -> DeadLetter:
    """Make the dead letter of a line or record that is no message, or that was too long to be read as one."""
    if line.size:
        return make_dead_letter(line, Rejected(Stage.BYTES, Code.TOO_LARGE, line.path, line.reason))
    return make_dead_letter(line, Rejected(Stage.SOURCE, Code.NOT_A_MESSAGE, line.path, line.reason))


ATTEMPT_ATTRIBUTE = "redrive-attempt"
"""The message attribute in which a redrive counts its attempts."""


def _attempt(attributes: dict[str, str]) -> int:
    text = attributes.get(ATTEMPT_ATTRIBUTE, "")
    return int(text) + 1 if text.isascii() and text.isdigit() and len(text) < 9 else 1
