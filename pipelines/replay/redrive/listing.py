"""List dead letters, count them by group, and read one with its history."""

import json
from dataclasses import dataclass
from typing import Any

from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.replay.redrive.failure_history import Failure, history_of
from pipelines.replay.redrive.groups import GROUPS as GROUPS
from pipelines.replay.redrive.stored import Selection
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target

LISTED = (
    "dead_letter_id", "state", "failed_time", "topic", "error_code", "path", "event_type", "attempt", "event_id",
    "table_name", "column_name", "error_message",
)  # fmt: skip
"""Columns of the list; table and column are NULL unless a table rejected a row."""
_DETAILS = ("error_message", "payload_size", "payload_sha256", "pipeline_version")


@dataclass(frozen=True)
class DeadLetterDetails:
    """One dead letter: its columns without NULLs, the names of its attributes, its payload, and its history."""

    cells: dict[str, Any]
    attributes: list[str]
    payload: bytes
    history: list[Failure]


def list_sql(target: Target, selection: Selection, group_by: str | None) -> str:
    """Return the query of the list, or of counts by group.

    Args:
        group_by: names of GROUPS separated by commas; None lists.

    Raises:
        UserError: there is no such group.
    """
    source = f"""(
  SELECT states.*, dead_letters.error_message
  FROM (SELECT * FROM `{target.table("event_store", "dead_letter_states")}` WHERE {selection.where()}) AS states
  JOIN (
    SELECT dead_letter_id, error_message FROM `{target.table("event_store", "dead_letters")}` WHERE TRUE
    QUALIFY ROW_NUMBER() OVER (PARTITION BY dead_letter_id ORDER BY ingest_time, run_id) = 1
  ) AS dead_letters ON dead_letters.dead_letter_id = states.dead_letter_id
)"""
    if group_by is None:
        return f"SELECT {', '.join(LISTED)} FROM {source} ORDER BY failed_time, dead_letter_id"
    names = [name.strip() for name in group_by.split(",")]
    for name in names:
        if name not in GROUPS:
            raise UserError(f"--group_by {name}: must be of {', '.join(GROUPS)}")
    columns = ", ".join(GROUPS[name] for name in names)
    return f"SELECT {columns}, COUNT(*) AS dead_letters FROM {source} GROUP BY {columns} ORDER BY dead_letters DESC, {columns}"


def read_dead_letter(client: bigquery.Client, target: Target, dead_letter_id: str) -> DeadLetterDetails:
    """Return one dead letter.

    Raises:
        UserError: there is none of this id.
    """
    wanted = f"dead_letter_id = {string_literal(dead_letter_id)}"
    states = f"`{target.table('event_store', 'dead_letter_states')}`"
    rows = list(client.query(f"SELECT * FROM {states} WHERE {wanted}").result())
    if not rows:
        raise UserError(f"show {dead_letter_id}: there is no dead letter of this id")
    dead_letters = f"`{target.table('event_store', 'dead_letters')}`"
    [dead_letter] = client.query(
        f"SELECT {', '.join(_DETAILS)}, payload, TO_JSON_STRING(attributes) AS attributes FROM {dead_letters}"
        f" WHERE {wanted} ORDER BY ingest_time LIMIT 1"
    ).result()
    cells = {**dict(rows[0].items()), **{name: dead_letter[name] for name in _DETAILS}}
    return DeadLetterDetails(
        {name: value for name, value in cells.items() if value is not None},
        sorted(json.loads(dead_letter.attributes or "{}") or {}),
        dead_letter.payload or b"",
        history_of(client, target, dead_letter_id),
    )
