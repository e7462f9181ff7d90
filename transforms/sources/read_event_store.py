"""ReadStore: the event store as a source. Rows become the messages they came from, and go through the same decoder.

The message's bytes are built from the row's columns; `data` is the original text. So content hashes, typed rows, counts,
features and sagas are those of the first time; attributes and notes about the bytes (BOM_REMOVED, TIME_TRUNCATED of the
envelope) are not in the row and are not needed: a rebuild does not rewrite the event store.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import msgspec
from google.cloud import bigquery

from schemas.message import Message
from schemas.timestamps import from_datetime, to_rfc3339
from transforms.emulator_clients import rest_client
from transforms.message_batch import MessageBatch
from transforms.sources.read_files import batches
from transforms.sources.read_progress import PROGRESS

COLUMNS = (
    "event_id", "event_type", "event_time", "source", "topic", "correlation_id", "causation_id", "data", "extensions",
    "message_id", "publish_time",
)  # fmt: skip
"""Columns that a query must return, in this order; data and extensions as text."""
DATA_TEXT = "IFNULL(data_text, TO_JSON_STRING(data))"
"""The data of an event as it came; rows of schema version 2 have the JSON column only."""
_TEXTS = {
    "data": f"{DATA_TEXT} AS data",
    "extensions": "TO_JSON_STRING(extensions) AS extensions",
}
SELECT = ", ".join(_TEXTS.get(name, name) for name in COLUMNS)
PAGE_ROWS = 20_000


@dataclass(frozen=True)
class Store:
    """How a worker reaches BigQuery; `rest_url` is an emulator's address, None is Google's."""

    project: str
    rest_url: str | None = None

    def client(self) -> bigquery.Client:
        """Return a client."""
        if self.rest_url is None:
            return bigquery.Client(project=self.project)
        return rest_client(self.project, self.rest_url)


@dataclass(kw_only=True)
class ReadStore(beam.PTransform[Any, Any]):
    """Read messages by queries that give COLUMNS; each query is read by one worker."""

    store: Store
    queries: list[str]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        return (
            pbegin
            | "Queries" >> beam.Create(self.queries, reshuffle=False)
            | "Share" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadFn(self.store))
        )


class _ReadFn(beam.DoFn):
    def __init__(self, store: Store) -> None:
        self._store = store

    def setup(self) -> None:
        self._client = self._store.client()

    def process(self, sql: str) -> Iterator[MessageBatch]:
        rows = self._client.query(sql).result(page_size=PAGE_ROWS)
        for batch in batches(message_of(row.values()) for row in rows):
            PROGRESS.add(0, len(batch))
            yield batch

    def teardown(self) -> None:
        self._client.close()


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""The fields of an object, each as its text: numbers stay as they are spelled, because the content hash sees them."""


def message_of(row: Any) -> Message:
    """Return the message that a row of the event store came from, in the contract's own form."""
    (
        event_id, event_type, event_time, source, topic, correlation_id, causation_id, data, extensions, message_id,
        publish_time,
    ) = row  # fmt: skip
    extra = _fields(extensions) if extensions and extensions != "null" else {}
    metadata = {"correlationId": correlation_id, **(_fields(extra.pop("metadata")) if "metadata" in extra else {})}
    if causation_id is not None:
        metadata["causationId"] = causation_id
    envelope = {
        "eventId": event_id,
        "eventType": event_type,
        "eventTime": to_rfc3339(from_datetime(event_time)),
        "source": source,
        "data": msgspec.Raw(data.encode()),
        "metadata": metadata,
        **extra,
    }
    return Message(topic, message_id, from_datetime(publish_time), {}, msgspec.json.encode(envelope))
