"""The command `history`: print the events of one entity in order, as a tree of causes, with the state after each."""

import argparse
from collections.abc import Iterator
from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from pipelines.cli.output_formats import json_line, json_value
from pipelines.errors import RunFailed, UserError
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from pipelines.stores.upgrade import open_for_reading
from pipelines.terminal_text import escape
from schemas.event_lineage import as_tree
from schemas.registry import REGISTRY
from schemas.saga.entity_state import newest_states, order_states
from schemas.tables.definitions import TABLES

TYPED = tuple(REGISTRY.by_table())
SHOWN = (
    "order_id", "status", "payment_id", "reservation_id", "sku", "quantity", "amount", "currency", "country", "type",
    "metric", "value",
)  # fmt: skip
"""Columns of the typed tables that are printed; none of them is personal data in clear."""
STATE = {
    "customer": ("country", "type", "status"),
    "device": ("metric", "value"),
    "correlation": ("order_id", "status"),
}


def run(args: argparse.Namespace) -> int:
    """Print the history; exit 1 where the store holds no event of it."""
    target = Target.from_args(args)
    if args.limit < 1:
        raise UserError(f"--limit {args.limit}: must be at least 1")
    kind = next(name for name in ("order", "customer", "device", "correlation") if getattr(args, name) is not None)
    name = getattr(args, kind)
    with open_for_reading(target) as endpoints:
        try:
            rows = [
                dict(row.items()) for row in endpoints.bigquery.query(select(target, kind, name, args.limit)).result()
            ]
        except GoogleAPICallError as error:
            raise RunFailed(f"--{kind}: {error.message}") from None
    if not rows:
        raise RunFailed(escape(f"--{kind} {name}: the store holds no event of it"))
    states = list(
        order_states(name, rows)
        if kind == "order"
        else newest_states(rows, STATE[kind], "customer." if kind == "customer" else "")
    )
    if args.format == "json":
        for row, state in zip(rows, states, strict=True):
            cells = {key: json_value(value) for key, value in row.items() if value is not None}
            print(json_line({**cells, "state": state}))
        return 0
    for line in tree_lines(rows, states):
        print(line)
    return 0


def select(target: Target, kind: str, name: str, limit: int) -> str:
    """Return the query of the events of one entity with their typed cells, in order."""
    column = {"order": "order_id", "customer": "customer_id", "device": "device_id", "correlation": "correlation_id"}[
        kind
    ]
    value = string_literal(name.lower() if kind == "correlation" else name)
    parts = []
    for table in TYPED:
        names = {item.name: item.type for item in TABLES[table].columns}
        if column not in names:
            continue
        cells = ", ".join(
            f"CAST({item} AS STRING) AS {item}" if names.get(item, "STRING") != "INT64" and item in names
            else item if item in names
            else f"CAST(NULL AS {'INT64' if item == 'quantity' else 'STRING'}) AS {item}"
            for item in SHOWN
        )  # fmt: skip
        source = f"`{target.table('analytics', table)}` WHERE {column} = {value}"
        first = "QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, run_id) = 1"
        parts.append(f"SELECT event_id, event_type, {cells} FROM {source} {first}")
    typed = " UNION ALL ".join(f"({part})" for part in parts)
    cells = ", ".join(f"typed.{item}" for item in SHOWN)
    return (
        "SELECT stored.event_time, stored.event_id, stored.event_type, stored.source, stored.correlation_id,"
        f" stored.causation_id, {cells} FROM ({typed}) AS typed"
        f" JOIN `{target.table('analytics', 'events_distinct')}` AS stored"
        " ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type"
        f" WHERE TRUE QUALIFY ROW_NUMBER() OVER (ORDER BY stored.event_time DESC, stored.event_id DESC) <= {limit}"
        " ORDER BY stored.event_time, stored.event_id"
    )


def tree_lines(rows: list[dict[str, Any]], states: list[str]) -> Iterator[str]:
    """Yield one line per event, indented under its cause, with its cells and the state after it."""
    state_of = {row["event_id"]: state for row, state in zip(rows, states, strict=True)}
    for depth, row in as_tree(rows, lambda row: row["event_id"], lambda row: row["causation_id"]):
        cells = " ".join(f"{name}={_short(row[name])}" for name in SHOWN if row[name] is not None)
        time = row["event_time"].isoformat().replace("+00:00", "Z")
        line = f"{'  ' * depth}{'└ ' if depth else ''}{time} {row['event_type']} {row['event_id']} {cells}"
        state = state_of[row["event_id"]]
        yield escape(f"{line}  → {state}" if state else line)


def _short(value: Any) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "", 1).isdigit() else text
