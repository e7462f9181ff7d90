"""Which event caused which: the events of one entity as a tree by causation id, in order. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Row = TypeVar("Row")


def as_tree(
    rows: Sequence[Row], event_id: Callable[[Row], str], causation_id: Callable[[Row], str | None]
) -> Iterator[tuple[int, Row]]:
    """Yield (depth, row), each row under the one that caused it; `rows` come in order and keep it among siblings.

    A cause that is not among the rows makes a root; so does a circle, at its first row. Every row comes once.
    """
    known = {event_id(row) for row in rows}
    children: dict[str | None, list[Row]] = {}
    for row in rows:
        cause = causation_id(row)
        children.setdefault(cause if cause in known and cause != event_id(row) else None, []).append(row)
    seen: set[str] = set()

    def below(start: Row) -> Iterator[tuple[int, Row]]:
        waiting = [(0, start)]
        while waiting:
            depth, row = waiting.pop()
            if event_id(row) in seen:
                continue
            seen.add(event_id(row))
            yield depth, row
            waiting += [(depth + 1, child) for child in reversed(children.get(event_id(row), []))]

    for row in [*children.get(None, []), *rows]:
        if event_id(row) not in seen:
            yield from below(row)
