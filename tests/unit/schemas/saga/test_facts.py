"""The compact form of a fact keeps all values, is small, can be appended to, and rejects values that do not fit."""

from uuid import UUID

import pytest

from schemas.saga.facts import SagaFact, append_facts, decode_facts, encode_facts
from tests.support.saga_examples import at, event_id, fact

HAPPY = [
    fact(at("11:00:00"), 1, "order.created"),
    fact(at("11:00:10"), 2, "inventory.reserved", sku="SKU-1", quantity=3, reservation_id="res-1"),
    fact(at("11:00:20"), 3, "payment.processed", payment_id="pay-1"),
    fact(at("11:00:30"), 4, "order.completed"),
]


def test_a_fact_takes_25_to_60_bytes() -> None:
    sizes = [len(encode_facts([each])) for each in HAPPY]
    assert sizes == [41, 54, 47, 41]
    assert len(encode_facts(HAPPY)) == 41 + 38 + 31 + 25


@pytest.mark.parametrize(
    ("quantity", "written"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (1_234_567, b"\x87\xad\x4b"),
        (2**40 + 5, b"\x85\x80\x80\x80\x80\x20"),
    ],
)
def test_a_quantity_is_a_varint(quantity: int, written: bytes) -> None:
    reserved = HAPPY[1]._replace(quantity=quantity)
    encoded = encode_facts([reserved])
    assert encoded.endswith(b"res-1" + written)
    assert decode_facts(encoded) == [reserved]


def test_a_correlation_id_that_is_absent_comes_back_absent() -> None:
    without = HAPPY[0]._replace(correlation_id="")
    assert decode_facts(encode_facts([without, HAPPY[1]])) == [without, HAPPY[1]]


def test_a_cancellation_comes_back_as_one() -> None:
    cancelled = fact(at("11:00:00"), 1, "order.updated", status="CANCELLED")
    assert [known.status for known in decode_facts(encode_facts([HAPPY[0], cancelled]))] == [None, "CANCELLED"]


@pytest.mark.parametrize(
    ("whole", "cut"),
    [
        pytest.param(HAPPY[1], 1, id="the quantity"),
        pytest.param(HAPPY[1], 10, id="an id"),
        pytest.param(HAPPY[1], 30, id="the event id"),
        pytest.param(HAPPY[0], 1, id="a correlation id at the end"),
        pytest.param(HAPPY[2], 1, id="an id at the end"),
    ],
)
def test_truncated_data_is_rejected(whole: SagaFact, cut: int) -> None:
    with pytest.raises(ValueError, match=r"^truncated saga facts$"):
        decode_facts(encode_facts([whole])[:-cut])


def test_appending_known_facts_changes_nothing() -> None:
    stored = append_facts(b"", HAPPY[:3])
    assert append_facts(stored, [*HAPPY[:3], *HAPPY[:1]]) == stored
    assert decode_facts(append_facts(stored, [HAPPY[2], HAPPY[3], HAPPY[3]])) == HAPPY


def test_appending_keeps_unequal_facts_of_one_event_id() -> None:
    other = HAPPY[0]._replace(event_time_us=at("10:00:00"))
    assert decode_facts(append_facts(encode_facts(HAPPY[:1]), [other])) == [HAPPY[0], other]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        pytest.param(HAPPY[0]._replace(event_id="not-a-uuid"), "hexadecimal", id="event id"),
        pytest.param(
            HAPPY[0]._replace(correlation_id="00"), r"^an event or correlation id is no UUID$", id="correlation id"
        ),
        pytest.param(HAPPY[0]._replace(event_type="iot.telemetry"), "no saga fact", id="event type"),
        pytest.param(HAPPY[0]._replace(status="SHIPPED"), "no saga fact", id="status"),
        pytest.param(HAPPY[1]._replace(quantity=-1), "negative", id="quantity"),
        pytest.param(HAPPY[1]._replace(sku="x" * 256), "range", id="long id"),
        pytest.param(HAPPY[1]._replace(sku="é"), "ascii", id="id not ASCII"),
    ],
)
def test_values_that_do_not_fit_are_rejected(bad: SagaFact, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_facts([bad])


def test_an_unknown_format_is_rejected() -> None:
    encoded = bytearray(encode_facts(HAPPY))
    encoded[0] |= 0x10
    with pytest.raises(ValueError, match="format 1"):
        decode_facts(bytes(encoded))


def test_ids_come_back_in_their_canonical_form() -> None:
    decoded = decode_facts(encode_facts(HAPPY))[0]
    assert decoded.event_id == event_id(1) == str(UUID(decoded.event_id))
