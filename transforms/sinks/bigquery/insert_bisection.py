"""Find the bad rows of an insertAll request that BigQuery rejected as a whole, in a logarithmic number of requests. Pure.

insertAll names bad rows where it can (`insertErrors`). A request that is answered with an error instead, such as 400 or
413, names none: its halves are sent again until each bad row is alone, and the good ones are written.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]
Errors = Sequence[Mapping[str, str]]
Send = Callable[[list[Row]], Sequence[Mapping[str, Any]]]
"""Send rows; return `insertErrors`: an entry per row that was not written, with its `index` and `errors`."""
WHOLE = {"Bad Request", "Request Entity Too Large", "Payload Too Large", "Content Too Large"}
"""Reasons of Beam's for all rows of a request that was answered with HTTP 400 or 413."""
STOPPED = "stopped"
"""BigQuery's reason for a good row of a request that has a bad one."""


class Rejected(NamedTuple):
    """A row that BigQuery rejects, and its errors."""

    row: Row
    errors: Errors


def is_whole(errors: Errors) -> bool:
    """Tell whether a row's errors are those of its request."""
    return bool(errors) and errors[0].get("reason") in WHOLE


def insert_by_halves(rows: list[Row], send: Send) -> list[Rejected]:
    """Write all rows but those that BigQuery rejects; return these.

    Args:
        rows: rows of one request that was rejected as a whole.
        send: sends a request.
    """
    rejected: list[Rejected] = []
    waiting = _halves(rows)
    while waiting:
        part = waiting.pop()
        errors = {int(entry["index"]): entry["errors"] for entry in send(part)}
        if not errors:
            continue
        if all(is_whole(found) for found in errors.values()):
            if len(part) == 1:
                rejected.append(Rejected(part[0], errors[0]))
            else:
                waiting += _halves(part)
            continue
        good = [row for index, row in enumerate(part) if index not in errors or errors[index][0]["reason"] == STOPPED]
        rejected += [Rejected(part[index], found) for index, found in errors.items() if found[0]["reason"] != STOPPED]
        if good and len(good) < len(part):
            waiting.append(good)
        elif good:  # each stops for another: nothing tells which is bad
            rejected += [Rejected(row, errors[index]) for index, row in enumerate(part)]
    return rejected


def _halves(rows: list[Row]) -> list[list[Row]]:
    middle = len(rows) // 2
    return [part for part in (rows[middle:], rows[:middle]) if part]
