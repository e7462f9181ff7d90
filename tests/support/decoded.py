"""A batch decoded by column and one by one, so that a test can hold them equal."""

from schemas.decode.decoder import Decoder
from schemas.message import Message
from schemas.pseudonymize import Pseudonymizer
from schemas.registry import REGISTRY
from tests.support.events import DATA, PUBLISHED_US, topic_of
from transforms.decode.decode import BatchDecoder, decode_batch
from transforms.event_batch import EventColumns

KEY = Pseudonymizer(b"k" * 16)


def rows_of(batches):
    """Return the rows by table, in an order that does not depend on how they were decoded."""
    rows = {}
    for batch in batches:
        rows.setdefault(batch.table, []).extend(batch.rows.to_pylist())
    return {table: sorted(each, key=lambda row: row["message_id"]) for table, each in rows.items()}


def both_ways(messages, registry=REGISTRY, accept_cloudevents=False):
    """Return the outcome by column and one by one."""
    batches, dead = BatchDecoder(registry, KEY, accept_cloudevents=accept_cloudevents)(messages)
    events, rejected = decode_batch(Decoder(registry, accept_cloudevents=accept_cloudevents), messages)
    by_column = rows_of(batches), sorted(dead, key=_place)
    return by_column, (rows_of(EventColumns(registry, KEY).batches(events)), sorted(rejected, key=_place))


def _place(dead_letter):
    return dead_letter.message_id or "", dead_letter.sha256


def numbered(texts, topics=None, attributes=None):
    topics, attributes = topics or [""] * len(texts), attributes or [{}] * len(texts)
    return [
        Message(topic or own_topic(data), f"{number:04d}", PUBLISHED_US, each, data)
        for number, (data, topic, each) in enumerate(zip(texts, topics, attributes, strict=True))
    ]


def own_topic(data: bytes) -> str:
    """Return the topic of the event type that a text names, so that most messages get as far as their data."""
    return next((topic_of(name) for name in DATA if name.encode() in data), "orders")
