"""State that all instances of a DoFn in this process share between bundles, beside the state that the runner keeps.

A token in the runner's state says whether what this process holds is current: a bundle that failed, or another worker
that took the key over, leaves another token behind, and the value is rebuilt from the runner's state.
"""

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ProcessState(Generic[Value]):
    """Values by key, each with the token under which it is current."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, int], tuple[bytes, Value]] = {}

    def take(self, key: tuple[str, int], token: bytes) -> Value | None:
        """Remove and return the value if it has this token; after a failed bundle there is none."""
        with self._lock:
            held = self._values.pop(key, None)
        return held[1] if held is not None and held[0] == token else None

    def put(self, key: tuple[str, int], token: bytes, value: Value) -> None:
        """Keep a value under its token."""
        with self._lock:
            self._values[key] = (token, value)
