"""Whatever comes: decode raises nothing, gives one outcome, never INTERNAL, and both ways of reading agree."""

import hashlib
import json
from decimal import Decimal
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import schemas.decode.decoder
from schemas.decode.decoder import Decoder
from schemas.event import DeadLetter, Event
from schemas.message import MAX_BYTES, Message
from schemas.outcomes import CODES_OF, Code, Note, Stage
from tests.support.decoded import own_topic
from tests.support.events import DATA, PUBLISHED_US, make_event, topic_of
from tests.support.golden import golden_cases

DECODERS = [Decoder(), Decoder(accept_cloudevents=True)]
TEXTS = [case["text"].encode() for case, _ in golden_cases() if "text" in case and len(case["text"]) < 1500]
OTHER_TOPICS = st.sampled_from(["orders", "customers", "inventory", "iot-events", "orders-topic"])
OWN_TOPIC = st.just("")
PIECES = st.one_of(
    st.sampled_from(b'{}[]":,\\0123456789eE+-. \n\t\x00\x7f\x80\xff').map(lambda byte: bytes([byte])),
    st.sampled_from(
        [b"\\ud800", b"\\udc00", b"\\u0041", b"NaN", b"Infinity", b"1e400", b"1e9999999", b"null", b"true"]
    ),
    st.sampled_from([b"9" * 30, b"9" * 500, b"9" * 5000, b"[" * 70, b"]" * 70, b'{"a":' * 70, b"\xef\xbb\xbf"]),
    st.sampled_from(
        [b'"x":1,', b'"orderId":"b",', b'"ORDERID":"b",', b'"data":{},', b'"metadata":1,', b'"specversion":"1.0",']
    ),
)


@st.composite
def broken_texts(draw) -> bytes:
    """Draw the text of a golden message with a few pieces put in, taken out or exchanged."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 8))
        text = text[:start] + draw(st.one_of(st.just(b""), PIECES)) + text[end:]
    return text


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["EUR", "16.90", "-1", "2026-03-01T11:59:00Z", "order-service", "application/json", "a" * 129]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def changed_events(draw) -> bytes:
    """Draw a valid event with a few values, at any depth, exchanged for any JSON."""
    event = make_event(draw(st.sampled_from(list(DATA))))
    for _ in range(draw(st.integers(0, 3))):
        parts = [event] + [part for part in (event.get("data"), event.get("metadata")) if isinstance(part, dict)]
        part = draw(st.sampled_from(parts))
        names = st.sampled_from([*part, "items", "amount", "value", "eventid"]) | st.text(max_size=8)
        part[draw(names)] = draw(JSON)
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def check(data: bytes, topic: str, attributes: dict[str, str]) -> None:
    """Decode in every way and hold what is true of every outcome."""
    topic = topic or own_topic(data)
    message = Message(topic, "m", PUBLISHED_US, attributes, data)
    for decoder in DECODERS:
        outcome = decoder.decode(message)
        with patch.object(schemas.decode.decoder, "parse_object", lambda data: None):
            assert same(decoder.decode(message), outcome)
        if isinstance(outcome, Event):
            assert outcome.event_type in DATA
            assert outcome.topic == topic == topic_of(outcome.event_type)
            assert set(outcome.notes) <= set(Note)
            assert isinstance(json.loads(outcome.data, parse_float=Decimal), dict)
            assert outcome.data.encode() in data
            assert len(outcome.content) == 8
        else:
            assert isinstance(outcome, DeadLetter)
            assert Code(outcome.code) in CODES_OF[Stage(outcome.stage)]
            assert outcome.code != Code.INTERNAL
            assert outcome.data == (data if len(data) <= MAX_BYTES else data[:65_536])
            assert outcome.sha256 == hashlib.sha256(data).hexdigest()


def same(one: Event | DeadLetter, other: Event | DeadLetter) -> bool:
    """Tell whether two outcomes are the same in every field."""
    return type(one) is type(other) and all(
        getattr(one, name) == getattr(other, name) for name in one.__struct_fields__
    )


ATTRIBUTES = st.one_of(
    st.just({}),
    st.dictionaries(
        st.sampled_from(["ce-specversion", "ce-id", "ce-type", "ce-metadata", "redrive-attempt"]), st.text(max_size=3)
    ),
    st.just({"ce-specversion": "1.0", "ce-type": "order.updated"}),
)
MESSAGES = st.one_of(st.binary(max_size=300), broken_texts(), broken_texts(), changed_events(), changed_events())
TOPICS = st.one_of(OWN_TOPIC, OWN_TOPIC, OWN_TOPIC, OTHER_TOPICS)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=2_000, deadline=None, suppress_health_check=QUIET)
@given(MESSAGES, TOPICS, ATTRIBUTES)
def test_every_message_has_one_outcome(data, topic, attributes):
    check(data, topic, attributes)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=100_000, deadline=None, suppress_health_check=QUIET)
@given(MESSAGES, TOPICS, ATTRIBUTES)
def test_each_of_100_000_messages_has_one_outcome(data, topic, attributes):
    check(data, topic, attributes)
