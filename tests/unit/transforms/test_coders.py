"""The coders of batches: the size of an element is estimated without encoding it."""

import pickle
import re

import pyarrow as pa
import pytest
from apache_beam.coders import ListCoder, PickleCoder, registry
from apache_beam.typehints import typehints
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type

from schemas.event import DeadLetter, make_dead_letter
from schemas.message import Message, NotAMessage
from schemas.outcomes import Code, Rejected, Stage
from schemas.saga.reducer import Saga
from transforms.coders import DeadLettersCoder, SizedCoder, size_of, use_sized_coders
from transforms.event_batch import EventBatch
from transforms.message_batch import MessageBatch
from transforms.metrics import BatchMetrics
from transforms.table_rows import TableRows

ROWS = pa.record_batch({"cell": pa.array(["x" * 1000] * 100)})
MESSAGE = Message("orders", "m", 1, {}, b"x" * 5000)


def coder_of(kind):
    use_sized_coders()
    return registry.get_coder(convert_to_beam_type(kind))


@pytest.mark.parametrize("kind", [EventBatch, TableRows, Message, NotAMessage, BatchMetrics, Saga, DeadLetter])
def test_a_type_with_a_size_has_the_coder(kind):
    assert isinstance(coder_of(kind), SizedCoder)


def test_a_union_has_the_coder_if_each_of_its_types_has_a_size():
    known, half = (convert_to_beam_type(kind) for kind in (Message | NotAMessage, Message | str))
    assert isinstance(SizedCoder.from_type_hint(known, registry), SizedCoder)
    for hint in (half, str):
        with pytest.raises(ValueError, match=f"^no size is known of {re.escape(str(hint))}$"):
            SizedCoder.from_type_hint(hint, registry)


def test_an_element_is_pickled_as_beam_would():
    assert SizedCoder().encode(MESSAGE) == PickleCoder().encode(MESSAGE)


@pytest.mark.parametrize("kind", [object, dict, typehints.Any, Message | str])
def test_other_types_keep_beams_coder(kind):
    assert not isinstance(coder_of(kind), SizedCoder)


@pytest.mark.parametrize(
    ("element", "least", "most"),
    [
        (EventBatch("orders", ROWS), 100_000, 101_000),
        (TableRows("orders", ROWS), 100_000, 101_000),
        (MESSAGE, 5_000, 5_200),
        (NotAMessage("orders", b"x" * 700, "", ""), 700, 900),
        (BatchMetrics(0, "orders", lags=b"x" * 400), 400, 500),
    ],
)
def test_the_size_estimate_is_close_to_the_memory_used(element, least, most):
    assert least <= size_of(element) <= most


def test_a_batch_of_messages_is_sized_and_comes_back_without_being_pickled_for_it(monkeypatch):
    batch = [MESSAGE, NotAMessage("orders", b"{", "", "no object")]
    impl = coder_of(MessageBatch).get_impl()
    assert impl.decode(impl.encode(batch)) == batch
    monkeypatch.setattr(pickle, "dumps", None)
    assert 5_000 < impl.get_estimated_size_and_observables(batch)[0] < 5_500


def test_lists_of_dead_letters_survive_compression():
    dead_letters = [make_dead_letter(MESSAGE, Rejected(Stage.BYTES, Code.EMPTY, "", "empty")) for _ in range(100)]
    coder = coder_of(list[DeadLetter])
    assert type(coder) is DeadLettersCoder
    encoded = coder.encode(dead_letters)
    assert coder.decode(encoded) == dead_letters
    assert len(encoded) < 100 * 5000 / 20
    assert coder.get_impl().estimate_size(dead_letters) == sum(map(size_of, dead_letters))
    assert type(coder_of(list[str])) is ListCoder
