"""Rows of event_store.redrives: what a redrive did with each dead letter."""

from collections.abc import Collection, Mapping
from typing import Any

from google.cloud import bigquery

from pipelines.replay.redrive.letters import DEAD_LETTER_ATTRIBUTE, Letter
from pipelines.replay.redrive.plan import Redriven
from pipelines.stores.target import Target
from schemas.tables.definitions import REDRIVES
from schemas.timestamps import to_rfc3339

Row = dict[str, Any]


def sent_row(redriven: Redriven, run_id: str, started: int) -> Row:
    """Return the row of a message that was published to its topic."""
    return _row(redriven.letter, redriven.rule, redriven.event_id, run_id, started, "SENT")


def given_up_row(letter: Letter, run_id: str, started: int) -> Row:
    """Return the row of a dead letter that is not sent again."""
    return {**_row(letter, None, None, run_id, started, "GIVEN_UP"), "error_code": letter.code}


def outcome_row(
    redriven: Redriven, again: Mapping[str, tuple[str, str]], valid: Collection[str], run_id: str, started: int
) -> Row:
    """Return the row of a message that went through the graph.

    Args:
        again: by dead letter id, the dead letter that the message became again, and its code.
        valid: ids of the events that were staged.
    """
    row = _row(redriven.letter, redriven.rule, redriven.event_id, run_id, started, "RESOLVED")
    if redriven.letter.dead_letter_id in again or redriven.event_id not in valid:
        next_id, code = again.get(redriven.letter.dead_letter_id, (None, None))
        row.update(outcome="FAILED", next_dead_letter_id=next_id, error_code=code)
    return row


def staged_letters(client: bigquery.Client, staged: Target) -> dict[str, tuple[str, str]]:
    """Return, by the dead letter that a staged message was, the dead letter that it is again and its code."""
    sql = f"""SELECT dead_letter_id, error_code, JSON_VALUE(attributes, '$."{DEAD_LETTER_ATTRIBUTE}"') AS was
FROM `{staged.table("event_store", "dead_letters")}`"""
    return {row.was: (row.dead_letter_id, row.error_code) for row in client.query(sql).result()}


def staged_events(client: bigquery.Client, staged: Target) -> set[str]:
    """Return the ids of the events that were staged."""
    sql = f"SELECT event_id FROM `{staged.table('event_store', 'events')}`"
    return {row.event_id for row in client.query(sql).result()}


def append_rows(client: bigquery.Client, target: Target, rows: list[Row]) -> None:
    """Append rows to a target's redrives by one load job."""
    if rows:
        schema = [bigquery.SchemaField.from_api_repr(field) for field in REDRIVES.bigquery_fields()]
        config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_APPEND")
        client.load_table_from_json(rows, target.table("event_store", REDRIVES.name), job_config=config).result()


def _row(letter: Letter, rule: str | None, event_id: str | None, run_id: str, started: int, outcome: str) -> Row:
    return {
        "dead_letter_id": letter.dead_letter_id,
        "message_id": letter.message_id,
        "redriven_time": to_rfc3339(started),
        "attempt": letter.attempt,
        "rule": rule,
        "outcome": outcome,
        "event_id": event_id,
        "next_dead_letter_id": None,
        "error_code": None,
        "run_id": run_id,
    }
