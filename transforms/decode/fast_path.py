"""PlainColumns: batches of messages as wide record batches, forms and ranges checked by column.

What is plain (schemas/decode/fast_path.py) is checked and built here, a column at a time; every other message, and every
row with a cell that is not ok, goes to the decoder, whose outcome counts. So the outcomes are the decoder's, at a part of
its cost.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decode.content_hash import content_word, digest, word_of
from schemas.decode.fast_path import FastMessage, FastReader, FastType
from schemas.message import Message, NotAMessage
from schemas.registry import Registry
from schemas.tables.column import NUMERIC, TIMESTAMP, Column, snake_case
from schemas.tables.definitions import typed_table
from schemas.timestamps import MAX_AHEAD_US
from transforms.decode.column_checks import check_uuids, parse_times, strings, texts_of
from transforms.decode.fast_path_data import TypedColumns, no_lists
from transforms.decode.identity import id_words
from transforms.event_batch import TYPED_PREFIX, EventBatch, Pseudonym, attributes_text, typed_columns, wide_schema

_NIL = "00000000-0000-0000-0000-000000000000"


class PlainColumns:
    """Builds wide batches of plain messages, by the tables of one registry."""

    def __init__(
        self, registry: Registry, pseudonym: Pseudonym = lambda _text: None, *, accept_cloudevents: bool = False
    ) -> None:
        self._reader = FastReader(registry, accept_cloudevents=accept_cloudevents)
        self._pseudonym = pseudonym
        self._tables = {
            name: (wide_schema(table), typed_columns(table), [event_type.name for event_type in event_types])
            for name, event_types in registry.by_table().items()
            for table in (typed_table(name, registry),)
        }

    def batches(
        self, messages: Iterable[Message | NotAMessage]
    ) -> tuple[list[EventBatch], list[Message | NotAMessage]]:
        """Return the wide batches of what is plain and ok, and all other messages."""
        types, others = self._reader.read(messages)
        batches = []
        for table, (schema, columns, names) in self._tables.items():
            mine = [types[name] for name in names if name in types and types[name].rows]
            if not mine:
                continue
            rows: list[FastMessage] = list(chain.from_iterable(fast_type.rows for fast_type in mine))
            arrays, ok = _columns(mine, rows, columns, self._pseudonym)
            if not ok.all():
                others.extend(row[0] for row in compress(rows, ~ok))
                rows = list(compress(rows, ok))
                arrays = {name: array.filter(pa.array(ok)) for name, array in arrays.items()}
            if rows:
                arrays["content"] = _contents(arrays, [canonical for *_, canonical in rows])
                batches.append(
                    EventBatch(
                        table, pa.RecordBatch.from_arrays([arrays[field.name] for field in schema], schema=schema)
                    )
                )
        return batches, others


def _columns(
    types: list[FastType], rows: list[FastMessage], columns: tuple[Column, ...], pseudonym: Pseudonym
) -> tuple[dict[str, pa.Array], np.ndarray]:
    """Return the wide columns of one table's messages, type by type, but for `content`; and which rows are ok."""
    typed = [TypedColumns(event_type, pseudonym) for event_type in types]
    arrays = {
        TYPED_PREFIX + column.name: _joined([columns.column(column) for columns in typed], column.arrow_type())
        for column in columns
    }
    arrays["entity_id"] = _joined([columns.entity for columns in typed], pa.string())
    arrays["amount"] = _joined([columns.amount for columns in typed], NUMERIC)
    for name in ("name", "source", "topic"):
        values = [
            pa.repeat(pa.scalar(getattr(event_type.event_type, name)), len(event_type.rows)) for event_type in types
        ]
        arrays["event_type" if name == "name" else name] = _joined(values, pa.string())
    ok = np.concatenate([columns.ok for columns in typed])
    return arrays, ok & _envelope(rows, arrays) & _published(types, arrays)


def _joined(parts: list[pa.Array], kind: pa.DataType) -> pa.Array:
    return parts[0] if len(parts) == 1 else pa.concat_arrays([part.cast(kind) for part in parts])


def _envelope(rows: list[FastMessage], arrays: dict[str, pa.Array]) -> np.ndarray:
    """Add the columns of messages and envelopes; return which rows are ok."""
    messages, envelopes, texts, _, _ = zip(*rows, strict=True)
    metadata = [envelope.metadata for envelope in envelopes]
    event_id, ok = check_uuids(strings([envelope.eventId for envelope in envelopes]))
    correlation, fits = check_uuids(strings([item.correlationId for item in metadata]))
    causation, real = check_uuids(strings([item.causationId or None for item in metadata]))
    event_time, known = parse_times(strings([envelope.eventTime for envelope in envelopes]))
    publish_time = np.array([message.publish_time for message in messages], np.int64)
    arrays.update(
        event_id=event_id,
        event_time=pa.array(event_time).cast(TIMESTAMP),
        correlation_id=correlation,
        causation_id=causation,
        data=texts_of(list(texts)),
        extensions=pa.nulls(len(rows), pa.string()),
        notes=no_lists(len(rows), pa.list_(pa.string())),
        message_id=strings([message.message_id for message in messages]),
        publish_time=pa.array(publish_time).cast(TIMESTAMP),
        payload=pa.array([message.data for message in messages], pa.binary()),
        attributes=strings([attributes_text(message.attributes) for message in messages]),
    )
    return np.asarray(ok & fits & real & known & (event_time <= publish_time + MAX_AHEAD_US))


def _published(types: list[FastType], arrays: dict[str, pa.Array]) -> np.ndarray:
    """Tell which rows have no time in their data that lies too far after their publish time."""
    ok = np.ones(sum(len(event_type.rows) for event_type in types), bool)
    limit = pc.add(arrays["publish_time"].cast(pa.int64()), MAX_AHEAD_US)
    for event_type, end in zip(types, accumulate(len(event_type.rows) for event_type in types), strict=True):
        mine = slice(end - len(event_type.rows), end)
        for name in event_type.event_type.times:
            moments = arrays[TYPED_PREFIX + snake_case(name)][mine].cast(pa.int64())
            ok[mine] &= pc.less_equal(moments, limit[mine]).fill_null(True).to_numpy(zero_copy_only=False)
    return ok


def _contents(arrays: dict[str, pa.Array], canonical: Sequence[bytes]) -> pa.Array:
    """Return the contents of events without extensions, as schemas/decode/content_hash.py has them."""
    names = arrays["event_type"].dictionary_encode()
    types = np.array([word_of(name) for name in names.dictionary.to_pylist()], np.uint64)
    causation = arrays["causation_id"]
    words = content_word(
        np.frombuffer(b"".join(map(digest, canonical)), np.uint64),
        types[names.indices.to_numpy()],
        arrays["event_time"].cast(pa.int64()).to_numpy().view(np.uint64),
        tuple(id_words(arrays["correlation_id"]).T),
        (
            *id_words(causation.fill_null(_NIL)).T,
            causation.is_null().to_numpy(zero_copy_only=False).astype(np.uint64),
        ),
    )
    return pa.Array.from_buffers(pa.binary(8), len(words), [None, pa.py_buffer(words.tobytes())])
