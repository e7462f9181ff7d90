"""The compact form keeps every valid fact, and rejects a truncated one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.saga.facts import SAGA_EVENT_TYPES, SagaFact, decode_facts, encode_facts
from tests.support.saga_examples import correlation_id

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
def test_a_truncated_encoding_is_rejected_unless_it_ends_between_facts(
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
