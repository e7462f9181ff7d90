"""The data of plain messages as columns: each field checked and built by its kind, lists of objects field by field."""

from collections.abc import Callable
from functools import cache
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.decode.fast_path import FastType, Kind, kind_of
from schemas.models.field_types import Payload
from schemas.registry import nested_model
from schemas.tables.column import NUMERIC, TIMESTAMP, Column, snake_case
from transforms.decode.column_checks import (
    Checked,
    check_currencies,
    check_ids,
    parse_money,
    parse_numbers,
    parse_times,
    strings,
)
from transforms.event_batch import Pseudonym


class _Field(NamedTuple):
    """How a field of a model becomes a column: by its kind, or as a list of objects with fields of their own."""

    name: str
    column: str
    kind: Kind | None
    inner: tuple["_Field", ...]


@cache
def _fields_of(model: type[Payload]) -> tuple[_Field, ...]:
    fields = []
    for name, info in model.model_fields.items():
        inner = nested_model(info)
        kind = kind_of(info)
        column = snake_case(name) + ("_hmac" if kind == "personal" else "")
        fields.append(_Field(name, column, kind, _fields_of(inner) if inner is not None else ()))
    return tuple(fields)


class TypedColumns:
    """The data of one event type's plain messages as columns; `ok` tells the rows whose cells have their form."""

    def __init__(self, plain: FastType, pseudonym: Pseudonym) -> None:
        rows = [shape for _, _, _, shape, _ in plain.rows]
        self._size, self._pseudonym = len(rows), pseudonym
        self.ok = np.ones(len(rows), bool)
        self._made = self._build(_fields_of(plain.event_type.model), rows, self.ok)
        self.entity = self._made[snake_case(plain.event_type.entity)]
        amount = plain.event_type.amount
        self.amount = self._made[snake_case(amount)] if amount else pa.nulls(len(rows), NUMERIC)

    def column(self, column: Column) -> pa.Array:
        """Return the cells of a column of the typed table; what the model lacks is NULL, or an empty list."""
        found = self._made.get(column.name)
        if found is not None:
            return found
        if column.repeated:
            return no_lists(self._size, column.arrow_type())
        return pa.nulls(self._size, column.arrow_type())

    def _build(self, fields: tuple[_Field, ...], rows: list[Any], ok: np.ndarray) -> dict[str, pa.Array]:
        made: dict[str, pa.Array] = {}
        for name, column, kind, inner in fields:
            cells = list(map(attrgetter(name), rows))
            if kind is None:
                made[column] = self._list_of(inner, cells, ok)
                made[f"has_{column}"] = pa.array([cell is not None for cell in cells], pa.bool_())
            else:
                made[column], fits = self._checked(kind, cells)
                ok &= fits
        return made

    def _list_of(self, fields: tuple[_Field, ...], lists: list[Any], ok: np.ndarray) -> pa.Array:
        """Return lists of objects; one object that is not ok makes its row not ok."""
        edges = np.fromiter(accumulate((len(items or ()) for items in lists), initial=0), np.int32, len(lists) + 1)
        flat = list(chain.from_iterable(items or () for items in lists))
        fits = np.ones(len(flat), bool)
        made = self._build(fields, flat, fits)
        if not fits.all():
            ok[np.searchsorted(edges, np.flatnonzero(~fits), side="right") - 1] = False
        struct = pa.StructArray.from_arrays(list(made.values()), names=list(made))
        return pa.ListArray.from_arrays(pa.array(edges), struct)

    def _checked(self, kind: Kind, cells: list[Any]) -> Checked:
        if kind == "personal":
            hashed = self._pseudonym
            return Checked(strings([None if cell is None else hashed(cell) for cell in cells]), _ALL_OK)
        return _CHECKS[kind](cells)


_ALL_OK = np.ones(1, bool)


def _raw(cells: list[Any]) -> list[bytes | None]:
    return [None if cell is None else bytes(cell) for cell in cells]


def _times(cells: list[str | None]) -> Checked:
    micros, ok = parse_times(column := strings(cells))
    mask = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    return Checked(pa.array(micros, mask=mask).cast(TIMESTAMP), ok)


def _ids(cells: list[str | None]) -> Checked:
    column = strings(cells)
    return Checked(column, check_ids(column))


def _currencies(cells: list[str | None]) -> Checked:
    column = strings(cells)
    return Checked(column, check_currencies(column))


_CHECKS: dict[Kind, Callable[[list[Any]], Checked]] = {
    "id": _ids,
    "currency": _currencies,
    "quantity": lambda cells: Checked(pa.array(cells, pa.int64()), _ALL_OK),
    "money": lambda cells: parse_money(_raw(cells)),
    "number": lambda cells: parse_numbers(_raw(cells)),
    "time": _times,
    "text": lambda cells: Checked(strings(cells), _ALL_OK),
}


def no_lists(size: int, kind: pa.DataType) -> pa.Array:
    """Return a column of empty lists."""
    return pa.ListArray.from_arrays(pa.array(np.zeros(size + 1, np.int32)), pa.array([], kind.value_type), type=kind)
