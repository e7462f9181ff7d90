"""Coders that say how large an element is without encoding it.

Beam asks for the size of some elements after every step: the first ten of each bundle, then ever fewer. For types it does
not know its coder pickles the element to answer, which for a batch is megabytes that are thrown away (decision 0023).
"""

import pickle
from collections.abc import Callable
from typing import Any, Self

from apache_beam.coders import PickleCoder, coder_impl, registry
from apache_beam.coders.typecoders import CoderRegistry
from apache_beam.typehints.typehints import UnionConstraint

_SIZES: dict[type, Callable[[Any], int]] = {}


def sized(kind: type, size: Callable[[Any], int]) -> None:
    """Say what an element of a type takes, in bytes, about; alone, in a list, or in a union with other such types."""
    _SIZES[kind] = size


def size_of(element: Any) -> int:
    """Return about what an element takes, in bytes."""
    return _SIZES[type(element)](element)


def _dumps(element: Any) -> bytes:
    return pickle.dumps(element, pickle.HIGHEST_PROTOCOL)


class SizedCoder(PickleCoder):
    """Pickles, as Beam would, types that `sized` knows."""

    def _create_impl(self) -> coder_impl.CoderImpl:
        return coder_impl.CallbackCoderImpl(_dumps, pickle.loads, size_of)

    @classmethod
    def from_type_hint(cls, hint: Any, registry: CoderRegistry) -> Self:
        """Return the coder; raise ValueError for what it is not for, whereupon Beam asks the next one."""
        kinds = set(hint.union_types) if isinstance(hint, UnionConstraint) else {hint}
        if kinds <= _SIZES.keys():
            return cls()
        raise ValueError(f"no size is known of {hint}")


registry.register_fallback_coder(SizedCoder)
