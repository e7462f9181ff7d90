"""The history of a failed message: all its dead letters, and the redrives between them."""

from dataclasses import dataclass
from typing import Any

from google.cloud import bigquery

from pipelines.replay.redrive.stored import DEAD_LETTER_ATTRIBUTE
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target

MOST = 100
"""A message that failed more often than this is shown with this many failures."""
WAS = f"""JSON_VALUE(attributes, '$."{DEAD_LETTER_ATTRIBUTE}"')"""


@dataclass(frozen=True)
class Failure:
    """One dead letter of a message, and the results of its redrives."""

    dead_letter: Any
    redrives: list[Any]


def history_of(client: bigquery.Client, target: Target, name: str) -> list[Failure]:
    """Return the failures of the message that a dead letter belongs to, the oldest first.

    Every redriven message names the dead letter that it was in an attribute: so the chain also covers other topics, and
    if Pub/Sub assigned it another message id.
    """
    names = _chain(client, target, name)
    listed = ", ".join(map(string_literal, names))
    states = f"SELECT * FROM `{target.table('event_store', 'dead_letter_states')}` WHERE dead_letter_id IN ({listed})"
    redrives = (
        f"SELECT * FROM `{target.table('event_store', 'redrives')}` WHERE dead_letter_id IN ({listed})"
        " ORDER BY redriven_time, attempt"
    )
    dead_letters = {row.dead_letter_id: row for row in client.query(states).result()}
    done: dict[str, list[Any]] = {}
    for row in client.query(redrives).result():
        done.setdefault(row.dead_letter_id, []).append(row)
    return [Failure(dead_letters[name], done.get(name, [])) for name in names if name in dead_letters]


def _chain(client: bigquery.Client, target: Target, name: str) -> list[str]:
    """Return the ids of a chain: back along the attribute, then forward to those that name one of them."""
    table = f"`{target.table('event_store', 'dead_letters')}`"
    names = [name]
    while len(names) < MOST:
        sql = f"SELECT DISTINCT {WAS} AS was FROM {table} WHERE dead_letter_id = {string_literal(names[0])}"
        before = [row.was for row in client.query(sql).result() if row.was and row.was not in names]
        if not before:
            break
        names.insert(0, before[0])
    while len(names) < MOST:
        listed = ", ".join(map(string_literal, names))
        sql = f"SELECT DISTINCT dead_letter_id FROM {table} WHERE {WAS} IN ({listed}) ORDER BY dead_letter_id"
        after = [row.dead_letter_id for row in client.query(sql).result() if row.dead_letter_id not in names]
        if not after:
            break
        names += after
    return names
