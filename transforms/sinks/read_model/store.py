"""The interface of a read model's store, and its two failures.

Exception
├── RowsRejected      the store cannot hold one of these rows: the batch is halved until the row is found
└── StoreUnavailable  the store did not answer, or will not now: the batch is tried again
"""

from typing import Any, Protocol

from schemas.read_model.events import ModelEvent

SagaRow = dict[str, Any]


class RowsRejected(Exception):
    """A row of the batch cannot be stored; the text quotes no value."""

    def __init__(self, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.column = column


class StoreUnavailable(Exception):
    """The store did not do it; nothing of the batch was written. The text quotes no value and no password."""


class ReadModelStore(Protocol):
    """A store of the read model. One instance belongs to one thread."""

    def apply(self, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        """Merge events and sagas into the live tables and those of a rebuild that is under way, in one transaction.

        Events that the tables contain change nothing. Any number of processes may call this at once.

        Raises:
            RowsRejected: one of the rows cannot be stored; nothing was written.
            StoreUnavailable: nothing was written.
        """

    def load(self, namespace: str, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        """Merge events and sagas into the tables of one namespace only: those that a rebuild fills."""

    def close(self) -> None:
        """Close the connection."""
