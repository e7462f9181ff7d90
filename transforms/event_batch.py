"""Decoded events as columns: one wide record batch a typed table, from which all rows are cut without copying.

The wide batch holds the event store's columns, then the typed columns under `data.`, then what only the steps in
between need: the message's bytes and attributes (for a dead letter that is found late) and the content hash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from schemas.event import Event
from schemas.models.field_types import Payload
from schemas.registry import REGISTRY, Registry, nested_model
from schemas.tables.column import Column, snake_case
from schemas.tables.definitions import COMMON, EVENTS, Table, typed_table

Pseudonym = Callable[[str], str | None]
"""Turns personal text into its keyed hash, or into None if the run has no key."""

TYPED_PREFIX = "data."
_ADDED_LATER = ("data_text", "ingest_time", "run_id")
"""Columns of `events` that ToRows fills: data_text is the wide batch's `data`, the others are the run's."""
_EVENT_COLUMNS = tuple(column for column in EVENTS.columns if column.name not in _ADDED_LATER)
_EXTRA = pa.schema([("payload", pa.binary()), ("attributes", pa.string()), ("content", pa.binary(8))])
SLICE_ROWS = 1024
"""Rows become Arrow in slices of this size: larger ones leave the processor's cache and cost twice as much."""


@dataclass
class EventBatch:
    """Events of one typed table as one wide record batch."""

    table: str
    rows: pa.RecordBatch


def typed_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns of a typed table that come from the events' data."""
    return table.columns[len(COMMON) :]


def attributes_text(attributes: dict[str, str]) -> str | None:
    """Return a message's attributes as a wide batch holds them: JSON, or None if there are none."""
    return msgspec.json.encode(attributes).decode() if attributes else None


@cache
def wide_schema(table: Table) -> pa.Schema:
    """Return the schema of the wide batch of a typed table."""
    fields = [pa.field(column.name, column.arrow_type()) for column in _EVENT_COLUMNS]
    fields += [pa.field(TYPED_PREFIX + column.name, column.arrow_type()) for column in typed_columns(table)]
    return pa.schema([*fields, *_EXTRA])


class EventColumns:
    """Turns events into wide batches, by the tables of one registry."""

    def __init__(self, registry: Registry = REGISTRY, pseudonym: Pseudonym = lambda _text: None) -> None:
        self._table_of = {event_type.name: event_type.table for event_type in registry}
        self._schemas: dict[str, pa.Schema] = {}
        self._cells: dict[str, Callable[[Payload], tuple[Any, ...]]] = {}
        for name, event_types in registry.by_table().items():
            table = typed_table(name, registry)
            self._schemas[name] = wide_schema(table)
            for event_type in event_types:
                self._cells[event_type.name] = _cells(event_type.model, typed_columns(table), pseudonym)

    def batches(self, events: Iterable[tuple[Event, bytes, dict[str, str]]]) -> list[EventBatch]:
        """Turn events, each with its message's bytes and attributes, into one wide batch a typed table."""
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for event, raw, attributes in events:
            name = event.event_type
            rows.setdefault(self._table_of[name], []).append(
                (
                    event.event_id,
                    name,
                    event.event_time,
                    event.source,
                    event.topic,
                    event.entity_id,
                    event.correlation_id,
                    event.causation_id,
                    event.data,
                    event.extensions,
                    event.notes,
                    event.message_id,
                    event.publish_time,
                    event.amount,
                    *self._cells[name](event.payload),
                    raw,
                    attributes_text(attributes),
                    event.content,
                )
            )
        return [EventBatch(table, to_batch(cells, self._schemas[table])) for table, cells in rows.items()]


def to_batch(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    """Turn rows into one record batch of a schema; an empty sequence gives an empty batch."""
    if not rows:
        return pa.RecordBatch.from_pylist([], schema)
    slices = [
        pa.RecordBatch.from_arrays(
            [_array(cells, field.type) for cells, field in zip(zip(*part, strict=True), schema, strict=True)],
            schema=schema,
        )
        for part in (rows[start : start + SLICE_ROWS] for start in range(0, len(rows), SLICE_ROWS))
    ]
    return slices[0] if len(slices) == 1 else pa.concat_batches(slices)


def _array(cells: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return a column; a list of objects comes as tuples, and is built field by field, three times as fast."""
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)):
        return pa.array(cells, kind)
    offsets = [0, *accumulate(map(len, cells))]
    parts = list(zip(*chain.from_iterable(cells), strict=True)) or [()] * kind.value_type.num_fields
    arrays = [pa.array(part, field.type) for part, field in zip(parts, kind.value_type.fields, strict=True)]
    struct = pa.StructArray.from_arrays(arrays, fields=kind.value_type.fields)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct, type=kind)


def _cells(
    model: type[Payload], columns: tuple[Column, ...], pseudonym: Pseudonym
) -> Callable[[Payload], tuple[Any, ...]]:
    """Return a function that reads a payload's cells in the order of the columns; what a model lacks is NULL."""
    readers = [_reader(model, column, pseudonym) for column in columns]

    def cells(payload: Payload) -> tuple[Any, ...]:
        values = payload.__dict__
        return tuple([read(values) for read in readers])

    return cells


def _reader(model: type[Payload], column: Column, pseudonym: Pseudonym) -> Callable[[dict[str, Any]], Any]:
    by_column = {snake_case(name): name for name in model.model_fields}
    if column.name.endswith("_hmac"):
        name = by_column.get(column.name.removesuffix("_hmac"))
        return _constant_none if name is None else _hashed(name, pseudonym)
    if column.name.startswith("has_") and column.type == "BOOL":
        name = by_column.get(column.name.removeprefix("has_"))
        return _constant_none if name is None else _present(name)
    name = by_column.get(column.name)
    if name is None:
        return _empty_list if column.repeated else _constant_none
    if column.fields:
        keys = {snake_case(key): key for key in _nested_names(model, name)}
        read = attrgetter(*(keys[inner.name] for inner in column.fields))
        single = len(column.fields) == 1
        return lambda values: [(read(item),) if single else read(item) for item in values[name] or ()]
    return lambda values: values[name]


def _nested_names(model: type[Payload], name: str) -> list[str]:
    inner = nested_model(model.model_fields[name])
    return list(inner.model_fields) if inner is not None else []


def _constant_none(_values: dict[str, Any]) -> None:
    return None


def _empty_list(_values: dict[str, Any]) -> list[Any]:
    return []


def _hashed(name: str, pseudonym: Pseudonym) -> Callable[[dict[str, Any]], Any]:
    return lambda values: None if values[name] is None else pseudonym(values[name])


def _present(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda values: values[name] is not None
