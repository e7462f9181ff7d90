"""DecodeMessages: batches of messages in, wide batches of events and lists of dead letters out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import TaggedOutput
from apache_beam.typehints.decorators import no_annotations

from schemas.decode.decoder import Decoder
from schemas.event import DeadLetter, Event, not_a_message
from schemas.message import Message, NotAMessage
from schemas.pseudonymize import Pseudonymizer
from schemas.registry import REGISTRY, Registry
from transforms.decode.fast_path import PlainColumns
from transforms.event_batch import EventBatch, EventColumns, Pseudonym
from transforms.gc_pause import collector_paused
from transforms.message_batch import MessageBatch
from transforms.metrics import MeasuredBatch, measure_batch

DEAD = "dead"
MEASURED = "measured"
Dead: TypeAlias = TaggedOutput[Literal["dead"], list[DeadLetter]]
Measured: TypeAlias = TaggedOutput[Literal["measured"], MeasuredBatch]


class Decoded(NamedTuple):
    """The three outputs: event batches, lists of dead letters, and what was counted."""

    events: beam.PCollection[EventBatch]
    dead: beam.PCollection[list[DeadLetter]]
    measured: beam.PCollection[MeasuredBatch]


def decode_batch(
    decoder: Decoder, messages: Iterable[Message | NotAMessage]
) -> tuple[list[tuple[Event, bytes, dict[str, str]]], list[DeadLetter]]:
    """Decode messages: events with their message's bytes and attributes, and dead letters. None is lost."""
    events: list[tuple[Event, bytes, dict[str, str]]] = []
    dead: list[DeadLetter] = []
    decode = decoder.decode
    for message in messages:
        if type(message) is NotAMessage:
            dead.append(not_a_message(message))
            continue
        assert type(message) is Message
        outcome = decode(message)
        if type(outcome) is Event:
            events.append((outcome, message.data, message.attributes))
        else:
            assert type(outcome) is DeadLetter
            dead.append(outcome)
    return events, dead


class BatchDecoder:
    """Decodes batches: plain messages by column, each other one by the decoder. The outcomes are the decoder's."""

    def __init__(
        self,
        registry: Registry = REGISTRY,
        pseudonym: Pseudonym = lambda _text: None,
        *,
        accept_cloudevents: bool = False,
    ) -> None:
        self._plain = PlainColumns(registry, pseudonym, accept_cloudevents=accept_cloudevents)
        self._decoder = Decoder(registry, accept_cloudevents=accept_cloudevents)
        self._columns = EventColumns(registry, pseudonym)

    def __call__(self, messages: Iterable[Message | NotAMessage]) -> tuple[list[EventBatch], list[DeadLetter]]:
        """Return the valid events as wide batches, at most one per table, and the dead letters. None is lost."""
        batches, others = self._plain.batches(messages)
        events, dead = decode_batch(self._decoder, others)
        return joined([*batches, *self._columns.batches(events)]), dead


def joined(batches: Iterable[EventBatch]) -> list[EventBatch]:
    """Return one batch per table."""
    parts: dict[str, list[pa.RecordBatch]] = {}
    for batch in batches:
        parts.setdefault(batch.table, []).append(batch.rows)
    return [EventBatch(table, rows[0] if len(rows) == 1 else pa.concat_batches(rows)) for table, rows in parts.items()]


@dataclass(kw_only=True)
class DecodeMessages(beam.PTransform[beam.PCollection[MessageBatch], Decoded]):
    """Decode every message by the contract. `as_of` is the clock of lines that have none (UTC microseconds)."""

    as_of: int
    window_seconds: int
    registry: Registry = REGISTRY
    accept_cloudevents: bool = False
    pii_key: bytes | None = None

    @no_annotations
    def expand(self, pcoll: beam.PCollection[MessageBatch]) -> Decoded:
        out = pcoll | "Decode" >> beam.ParDo(_DecodeFn(self)).with_outputs(DEAD, MEASURED, main="events")
        return Decoded(out.events, out[DEAD], out[MEASURED])


class _DecodeFn(beam.DoFn):
    def __init__(self, spec: DecodeMessages) -> None:
        self._registry, self._accept, self._key = spec.registry, spec.accept_cloudevents, spec.pii_key
        self._as_of, self._window = spec.as_of, spec.window_seconds

    def setup(self) -> None:
        self._decode = BatchDecoder(self._registry, Pseudonymizer(self._key), accept_cloudevents=self._accept)

    def process(self, messages: MessageBatch) -> Iterator[EventBatch | Dead | Measured]:
        with collector_paused():
            batches, dead = self._decode(messages)
        yield from batches
        if dead:
            yield TaggedOutput(DEAD, dead)
        yield TaggedOutput(MEASURED, measure_batch(messages, dead, self._as_of, self._window))
