"""The element that flows from a source to the decoder: a list of messages, not one message."""

from schemas.message import Message, NotAMessage

MessageBatch = list[Message | NotAMessage]
