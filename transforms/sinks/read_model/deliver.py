"""Deliver rows to a store: retry while it is unavailable, halve a batch that it rejects, and return the rows it does not take."""

from typing import NamedTuple, TypeVar

from schemas.outcomes import Code
from schemas.read_model.events import ModelEvent
from transforms.sinks.bigquery.backoff import RetryBudget, RetryState
from transforms.sinks.read_model.store import ReadModelStore, RowsRejected, SagaRow, StoreUnavailable

_T = TypeVar("_T")


class Undelivered(NamedTuple):
    """Rows that the store did not take, and why; one of the two lists is empty."""

    events: list[ModelEvent]
    sagas: list[SagaRow]
    code: Code
    reason: str
    column: str | None
    attempts: int


def deliver(
    store: ReadModelStore,
    events: list[ModelEvent],
    sagas: list[SagaRow],
    budget: RetryBudget,
    namespace: str | None = None,
) -> list[Undelivered]:
    """Write a batch; return the rows that are not written, each with its reason.

    Args:
        store: the read model.
        events: events of any of its tables.
        sagas: rows of order_sagas.
        budget: how long an unavailable store is tried again.
        namespace: the tables of a rebuild; None: the live ones.
    """
    trial = RetryState()
    while True:
        try:
            if namespace is None:
                store.apply(events, sagas)
            else:
                store.load(namespace, events, sagas)
            budget.succeeded()
            return []
        except StoreUnavailable as error:
            if not budget.wait(trial):
                return _split(events, sagas, Code.SINK_EXHAUSTED, str(error), None, trial.failures)
        except RowsRejected as error:
            budget.succeeded()
            if len(events) + len(sagas) == 1:
                return _split(events, sagas, Code.SINK_REJECTED, str(error), error.column, trial.failures + 1)
            first, second = _halves(events, sagas)
            return [*deliver(store, *first, budget, namespace), *deliver(store, *second, budget, namespace)]


def _halves(
    events: list[ModelEvent], sagas: list[SagaRow]
) -> tuple[tuple[list[ModelEvent], list[SagaRow]], tuple[list[ModelEvent], list[SagaRow]]]:
    if events and sagas:
        return (events, []), ([], sagas)
    (left, right), (one, two) = _cut(events), _cut(sagas)
    return (left, one), (right, two)


def _cut(rows: list[_T]) -> tuple[list[_T], list[_T]]:
    middle = (len(rows) + 1) // 2
    return rows[:middle], rows[middle:]


def _split(
    events: list[ModelEvent], sagas: list[SagaRow], code: Code, reason: str, column: str | None, attempts: int
) -> list[Undelivered]:
    parts = [Undelivered(events, [], code, reason, column, attempts)] if events else []
    return parts + ([Undelivered([], sagas, code, reason, column, attempts)] if sagas else [])
