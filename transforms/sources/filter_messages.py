"""ChooseMessages: keep the messages of a range, and of the requested topics, event types or entity.

What only the payload says is found by the decoder itself, so that a filter never knows another format than the job.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam

from schemas.decode.decoder import Decoder
from schemas.event import DeadLetter, Event
from schemas.message import Message, NotAMessage
from transforms.message_batch import MessageBatch


@dataclass(frozen=True)
class MessageFilter:
    """A half-open range of UTC microseconds on one clock, and filters; an empty filter lets everything pass."""

    start: int
    end: int
    by: str = "publish_time"
    topics: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    entity: str | None = None
    correlation_id: str | None = None
    accept_cloudevents: bool = False

    @property
    def looks_inside(self) -> bool:
        """Whether messages must be decoded to be chosen."""
        return self.by == "event_time" or bool(self.event_types or self.entity or self.correlation_id)

    def takes(self, message: Message | NotAMessage, decoder: Decoder) -> bool:
        """Tell whether a message is chosen. A dead letter has no event time, entity or correlation id to go by."""
        if type(message) is not Message or (self.topics and message.topic not in self.topics):
            return False
        if self.by == "publish_time" and not self.start <= message.publish_time < self.end:
            return False
        return not self.looks_inside or self._takes_outcome(decoder.decode(message))

    def _takes_outcome(self, outcome: Event | DeadLetter) -> bool:
        if self.event_types and outcome.event_type not in self.event_types:
            return False
        if not isinstance(outcome, Event):
            return self.by == "publish_time" and self.entity is None and self.correlation_id is None
        return (
            (self.by == "publish_time" or self.start <= outcome.event_time < self.end)
            and self.entity in (None, outcome.entity_id)
            and self.correlation_id in (None, outcome.correlation_id)
        )


@dataclass(kw_only=True)
class ChooseMessages(beam.PTransform[Any, Any]):
    """Read by `source` and keep what `choice` takes: together they are a source."""

    source: beam.PTransform[Any, Any]
    choice: MessageFilter = field(default_factory=lambda: MessageFilter(0, 1))

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        return pbegin | "All" >> self.source | "Choose" >> beam.ParDo(_ChooseFn(self.choice))


class _ChooseFn(beam.DoFn):
    def __init__(self, choice: MessageFilter) -> None:
        self._choice = choice

    def setup(self) -> None:
        self._decoder = Decoder(accept_cloudevents=self._choice.accept_cloudevents)

    def process(self, batch: MessageBatch) -> Iterator[MessageBatch]:
        choice, decoder = self._choice, self._decoder
        chosen = [message for message in batch if choice.takes(message, decoder)]
        if chosen:
            yield chosen
