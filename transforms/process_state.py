"""State that all instances of a DoFn in this process share, beside the state that the runner keeps.

A module holds one as a global name: instances are unpickled per bundle processor, globals are not. Beam's own
`beam.utils.shared.Shared` holds one value, through a weak reference, and drops it when no instance uses it; these values
must outlive a bundle.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class SharedValues(Generic[Key, Value]):
    """Values by key, read and changed by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Key, Value] = {}

    @contextmanager
    def locked(self) -> Iterator[dict[Key, Value]]:
        """Yield the values; other threads wait until the block ends."""
        with self._lock:
            yield self._values


class ProcessState(Generic[Value]):
    """Values by key, each with the token under which it is current.

    A token in the runner's state says whether what this process holds is current: a bundle that failed, or another
    worker that took the key over, leaves another token behind, and the value is rebuilt from the runner's state.
    """

    def __init__(self) -> None:
        self._held: SharedValues[tuple[str, int], tuple[bytes, Value]] = SharedValues()

    def take(self, key: tuple[str, int], token: bytes) -> Value | None:
        """Remove and return the value if it has this token; after a failed bundle there is none."""
        with self._held.locked() as values:
            held = values.pop(key, None)
        return held[1] if held is not None and held[0] == token else None

    def put(self, key: tuple[str, int], token: bytes, value: Value) -> None:
        """Keep a value under its token."""
        with self._held.locked() as values:
            values[key] = (token, value)
