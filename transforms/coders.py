"""Coders that say how large an element is without encoding it.

Beam asks for the size of some elements after every step: the first ten of each bundle, then ever fewer. For types it does
not know its coder pickles the element to answer, which for a batch is megabytes that are discarded (decision 0013).
"""

import pickle
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, Self

from apache_beam.coders import Coder, ListCoder, PickleCoder, coder_impl, registry
from apache_beam.coders.typecoders import CoderRegistry
from apache_beam.typehints.typehints import ListConstraint, UnionConstraint

from schemas.event import DeadLetter
from schemas.message import Message, NotAMessage
from schemas.saga.reducer import Saga
from transforms.event_batch import EventBatch
from transforms.metrics import BatchMetrics
from transforms.table_rows import TableRows

_SIZES: dict[type, Callable[[Any], int]] = {
    EventBatch: lambda batch: batch.rows.nbytes,
    TableRows: lambda batch: batch.rows.nbytes,
    Message: lambda message: 120 + len(message.data),
    NotAMessage: lambda line: 120 + len(line.data),
    DeadLetter: lambda dead_letter: 256 + len(dead_letter.data),
    BatchMetrics: lambda measure: 64 + len(measure.lags or b""),
    Saga: lambda _saga: 256,
}
"""About what an element takes, in bytes: alone, in a list, or in a union with others of these."""


def size_of(element: Any) -> int:
    """Return about what an element takes, in bytes."""
    return _SIZES[type(element)](element)


def _dumps(element: Any) -> bytes:
    return pickle.dumps(element, pickle.HIGHEST_PROTOCOL)


class SizedCoder(PickleCoder):
    """Pickles, as Beam would, types whose size is known. A worker that unpickles it has the sizes too."""

    def _create_impl(self) -> coder_impl.CoderImpl:
        return coder_impl.CallbackCoderImpl(_dumps, pickle.loads, size_of)

    @classmethod
    def from_type_hint(cls, hint: Any, registry: CoderRegistry) -> Self:
        """Return the coder; raise ValueError for what it is not for, whereupon Beam asks the next one."""
        kinds = set(hint.union_types) if isinstance(hint, UnionConstraint) else {hint}
        if kinds <= _SIZES.keys():
            return cls()
        raise ValueError(f"no size is known of {hint}")


class DeadLettersCoder(PickleCoder):
    """Compresses lists of dead letters: a runner on one machine holds all of a run's until they are written."""

    def _create_impl(self) -> coder_impl.CoderImpl:
        return coder_impl.CallbackCoderImpl(_compress, _decompress, _size_of_all)


class _ListCoder(ListCoder):
    """Beam's own coder of lists, but for lists of dead letters."""

    @staticmethod
    def from_type_hint(typehint: Any, registry: CoderRegistry) -> Coder:
        """Return the coder of a list by the type of its elements."""
        if typehint.inner_type is DeadLetter:
            return DeadLettersCoder()
        return ListCoder(registry.get_coder(typehint.inner_type))


def _compress(dead_letters: list[DeadLetter]) -> bytes:
    return zlib.compress(_dumps(dead_letters), 1)


def _decompress(data: bytes) -> Any:
    return pickle.loads(zlib.decompress(data))


def _size_of_all(dead_letters: list[DeadLetter]) -> int:
    return sum(map(size_of, dead_letters))


@cache
def use_sized_coders() -> None:
    """Let graphs that are built from now on ask `SizedCoder` before Beam's coder of last resort."""
    registry.register_fallback_coder(SizedCoder)
    registry.register_coder(ListConstraint, _ListCoder)
