"""The command `history`: print the events of one entity in order, as a tree of causes, with the state after each."""

import argparse
from collections.abc import Iterator
from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from pipelines.cli.output_formats import json_line, json_value
from pipelines.cli.parsed import target_of
from pipelines.entities.history import COLUMN_OF, SHOWN, History, read_history
from pipelines.errors import RunFailed, UserError
from pipelines.stores.upgrade import open_for_reading
from pipelines.terminal_text import escape
from schemas.event_lineage import as_tree


def run(args: argparse.Namespace) -> int:
    """Print the history; exit 1 if the store holds no event of it."""
    target = target_of(args)
    if args.limit < 1:
        raise UserError(f"--limit {args.limit}: must be at least 1")
    kind = next(kind for kind in COLUMN_OF if vars(args)[kind] is not None)
    name = vars(args)[kind]
    with open_for_reading(target) as endpoints:
        try:
            history = read_history(endpoints.bigquery, target, kind, name, args.limit)
        except GoogleAPICallError as error:
            raise RunFailed(f"--{kind}: {error.message}") from None
    if not history.rows:
        raise RunFailed(escape(f"--{kind} {name}: the store holds no event of it"))
    if args.format == "json":
        for row, state in zip(history.rows, history.states, strict=True):
            cells = {key: json_value(value) for key, value in row.items() if value is not None}
            print(json_line({**cells, "state": state}))
        return 0
    for line in tree_lines(history):
        print(line)
    return 0


def tree_lines(history: History) -> Iterator[str]:
    """Yield one line per event, indented under its cause, with its cells and the state after it."""
    state_of = {row["event_id"]: state for row, state in zip(*history, strict=True)}
    for depth, row in as_tree(history.rows, lambda row: row["event_id"], lambda row: row["causation_id"]):
        cells = " ".join(f"{name}={_short(row[name])}" for name in SHOWN if row[name] is not None)
        time = row["event_time"].isoformat().replace("+00:00", "Z")
        line = f"{'  ' * depth}{'└ ' if depth else ''}{time} {row['event_type']} {row['event_id']} {cells}"
        state = state_of[row["event_id"]]
        yield escape(f"{line}  → {state}" if state else line)


def _short(value: Any) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "", 1).isdigit() else text
