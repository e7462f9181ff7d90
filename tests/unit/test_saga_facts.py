"""The compact form of a fact keeps everything, is small, may be appended to, and refuses what it cannot hold."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saga_examples import at, correlation_id, event_id, fact

from schemas.saga_facts import SAGA_EVENT_TYPES, SagaFact, append_facts, decode_facts, encode_facts

FEW = settings(max_examples=100, deadline=None, database=None, derandomize=True)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}", fullmatch=True)
UUIDS = st.uuids().map(str)

STATUSES = st.sampled_from([("order.updated", "CANCELLED"), *((name, None) for name in sorted(SAGA_EVENT_TYPES))])


@st.composite
def any_fact(draw: st.DrawFn) -> SagaFact:
    """Any fact that the contract lets through: ids of up to 128 characters, int64 quantities, years 2000 to 9999."""
    event_type, status = draw(STATUSES)
    time_us = draw(st.integers(946_684_800_000_000, 253_402_300_799_999_999))
    head = (time_us, draw(UUIDS), event_type, status, draw(st.sampled_from([correlation_id(1), draw(UUIDS)])))
    if event_type.startswith("payment"):
        return SagaFact(*head, payment_id=draw(IDS))
    if event_type.startswith("inventory"):
        return SagaFact(
            *head,
            reservation_id=draw(st.one_of(st.just(""), IDS)),
            sku=draw(IDS),
            quantity=draw(st.integers(1, 2**63 - 1)),
        )
    return SagaFact(*head)


HAPPY = [
    fact(at("11:00:00"), 1, "order.created"),
    fact(at("11:00:10"), 2, "inventory.reserved", sku="SKU-1", quantity=3, reservation_id="res-1"),
    fact(at("11:00:20"), 3, "payment.processed", payment_id="pay-1"),
    fact(at("11:00:30"), 4, "order.completed"),
]


@FEW
@given(facts=st.lists(any_fact(), max_size=8))
def test_what_is_encoded_is_decoded(facts: list[SagaFact]) -> None:
    assert decode_facts(encode_facts(facts)) == facts


@FEW
@given(left=st.lists(any_fact(), max_size=4), right=st.lists(any_fact(), max_size=4))
def test_encodings_may_be_laid_end_to_end(left: list[SagaFact], right: list[SagaFact]) -> None:
    assert decode_facts(encode_facts(left) + encode_facts(right)) == left + right


@FEW
@given(facts=st.lists(any_fact(), min_size=1, max_size=4), data=st.data())
def test_a_truncated_encoding_is_refused_unless_it_ends_between_facts(
    facts: list[SagaFact], data: st.DataObject
) -> None:
    encoded = encode_facts(facts)
    whole = {len(encode_facts(facts[:count])): facts[:count] for count in range(len(facts))}
    cut = data.draw(st.one_of(st.sampled_from(sorted(whole)), st.integers(0, len(encoded) - 1)))
    if cut in whole:
        assert decode_facts(encoded[:cut]) == whole[cut]
    else:
        with pytest.raises(ValueError, match="truncated saga facts"):
            decode_facts(encoded[:cut])


def test_a_fact_takes_25_to_60_bytes() -> None:
    sizes = [len(encode_facts([each])) for each in HAPPY]
    assert sizes == [41, 54, 47, 41]
    assert len(encode_facts(HAPPY)) == 41 + 38 + 31 + 25


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
        pytest.param(HAPPY[0]._replace(correlation_id="00"), "no UUID", id="correlation id"),
        pytest.param(HAPPY[0]._replace(event_type="iot.telemetry"), "no saga fact", id="event type"),
        pytest.param(HAPPY[0]._replace(status="SHIPPED"), "no saga fact", id="status"),
        pytest.param(HAPPY[1]._replace(quantity=-1), "negative", id="quantity"),
        pytest.param(HAPPY[1]._replace(sku="x" * 256), "range", id="long id"),
        pytest.param(HAPPY[1]._replace(sku="é"), "ascii", id="id not ASCII"),
    ],
)
def test_what_does_not_fit_is_refused(bad: SagaFact, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_facts([bad])


def test_an_unknown_format_is_refused() -> None:
    encoded = bytearray(encode_facts(HAPPY))
    encoded[0] |= 0x10
    with pytest.raises(ValueError, match="format 1"):
        decode_facts(bytes(encoded))


def test_ids_come_back_in_their_canonical_form() -> None:
    decoded = decode_facts(encode_facts(HAPPY))[0]
    assert decoded.event_id == event_id(1) == str(UUID(decoded.event_id))
