"""Rejected rows of a store that a replay or redrive delivers in addition to the messages that it reads.

Rows of typed tables are made from the event store's events, rows of `events` from the dead letter's payload (the row),
counts and sagas are recomputed for their hours and orders.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.cloud import bigquery

from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.message import Message
from schemas.tables.definitions import EVENT_COUNTS, ORDER_SAGAS, SAGA_ALERTS
from schemas.timestamps import TimeFormatError, TimeRangeError, parse_rfc3339, to_datetime, to_rfc3339
from transforms.sinks.files.partitions import HOUR_US
from transforms.sources.read_event_store import COLUMNS, message_of

SAGA_TABLES = (ORDER_SAGAS.name, SAGA_ALERTS.name)
COMPUTED = (EVENT_COUNTS.name, *SAGA_TABLES)
"""Tables whose rows are computed from events; their dead letters name no event."""


@dataclass(frozen=True)
class Undelivered:
    """What is delivered besides a replay's own messages.

    Args:
        condition: SQL condition on the event store's events whose missing typed rows are delivered.
        hours: hours (UTC microseconds) whose counts are recomputed.
        orders: orders whose sagas are recomputed.
        messages: events that the event store does not hold.
        forced: read the events of `hours` and `orders` from the event store. A replay has read them already.
    """

    condition: str = "FALSE"
    hours: tuple[int, ...] = ()
    orders: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    forced: bool = False

    @property
    def hour_list(self) -> str:
        """The hours as a list of SQL literals; never empty."""
        return ", ".join(f"TIMESTAMP '{to_rfc3339(hour)}'" for hour in self.hours) or "NULL"

    @property
    def order_list(self) -> str:
        """The orders as a list of SQL literals; never empty."""
        return ", ".join(map(string_literal, self.orders)) or "NULL"


def computed_rows(client: bigquery.Client, target: Target) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the hours and orders of which a table ever rejected a computed row."""
    dead_letters = f"`{target.table('event_store', 'dead_letters')}`"
    tables = ", ".join(map(string_literal, COMPUTED))
    sql = f"SELECT path, payload FROM {dead_letters} WHERE stage = 'sink' AND path IN ({tables})"
    return hours_and_orders((row.path, row.payload) for row in client.query(sql).result())


def hours_and_orders(dead_letters: Iterable[tuple[str, bytes]]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the hours and orders of rejected rows, given as (table, row as JSON); rows without either are ignored."""
    hours, orders = set(), set()
    for table, payload in dead_letters:
        row = _cells(payload)
        if table == EVENT_COUNTS.name and (moment := _moment(row.get("window_start"))) is not None:
            hours.add(moment // HOUR_US * HOUR_US)
        elif table in SAGA_TABLES and isinstance(row.get("order_id"), str):
            orders.add(row["order_id"])
    return tuple(sorted(hours)), tuple(sorted(orders))


def message_of_row(payload: bytes) -> Message | None:
    """Return the message of a rejected row of `events`, given as JSON; None if the row is not whole."""
    row = _cells(payload)
    times = {name: _moment(row.get(name)) for name in ("event_time", "publish_time")}
    row["data"] = row.get("data_text") or row.get("data")
    required = ("event_id", "event_type", "source", "topic", "correlation_id", "data", "message_id")
    if None in times.values() or not all(isinstance(row.get(name), str) for name in required):
        return None
    cells = {**row, **{name: to_datetime(moment) for name, moment in times.items() if moment is not None}}
    try:
        return message_of([cells.get(name) for name in COLUMNS])
    except ValueError:
        return None


def _cells(payload: bytes) -> dict[str, Any]:
    try:
        row = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _moment(text: object) -> int | None:
    try:
        return parse_rfc3339(text)[0] if isinstance(text, str) else None
    except (TimeFormatError, TimeRangeError):
        return None
