"""Rows of event_store.redrives: the outcome of each dead letter of a redrive."""

from collections.abc import Collection, Mapping
from typing import Any

from google.cloud import bigquery

from pipelines.replay.merge_statements import TYPED, Statements
from pipelines.replay.redrive.plan import Redriven
from pipelines.replay.redrive.stored import DEAD_LETTER_ATTRIBUTE, IDS_A_QUERY, StoredDeadLetter
from pipelines.replay.undelivered import COMPUTED
from pipelines.stores.target import Target
from schemas.tables.definitions import DATASET_OF, EVENTS, REDRIVES
from schemas.timestamps import to_rfc3339

Row = dict[str, Any]


def sent_row(redriven: Redriven, run_id: str, started: int) -> Row:
    """Return the row of a message that was published to its topic."""
    return _row(redriven.dead_letter, redriven.rule, redriven.event_id, run_id, started, "SENT")


def given_up_row(dead_letter: StoredDeadLetter, run_id: str, started: int) -> Row:
    """Return the row of a dead letter that is not sent again."""
    return {**_row(dead_letter, None, None, run_id, started, "GIVEN_UP"), "error_code": dead_letter.code}


def delivered_row(dead_letter: StoredDeadLetter, run_id: str, started: int) -> Row:
    """Return the row of a rejected row that was delivered."""
    return _row(dead_letter, None, dead_letter.event_id, run_id, started, "RESOLVED")


def delivered_rows(
    client: bigquery.Client, statements: Statements, dead_letters: list[StoredDeadLetter]
) -> list[StoredDeadLetter]:
    """Return the rejected rows that the tables hold, or will hold once the staging is published."""
    events = {
        table: [dead_letter for dead_letter in dead_letters if dead_letter.path == table]
        for table in (EVENTS.name, *TYPED)
    }
    found: list[StoredDeadLetter] = [
        dead_letter for dead_letter in dead_letters if dead_letter.path in COMPUTED
    ]  # recomputed as a whole
    for table, of_table in events.items():
        dataset = DATASET_OF[table]
        tables = (statements.live.table(dataset, table), statements.staged.table(dataset, table))
        sql = " UNION DISTINCT ".join(
            f"SELECT event_id FROM `{name}` WHERE event_id IN UNNEST(@ids)" for name in tables
        )
        ids = sorted({dead_letter.event_id for dead_letter in of_table if dead_letter.event_id is not None})
        for start in range(0, len(ids), IDS_A_QUERY):
            parameter = bigquery.ArrayQueryParameter("ids", "STRING", ids[start : start + IDS_A_QUERY])
            config = bigquery.QueryJobConfig(query_parameters=[parameter])
            held = {row.event_id for row in client.query(sql, job_config=config).result()}
            found += [dead_letter for dead_letter in of_table if dead_letter.event_id in held]
    return found


def outcome_row(
    redriven: Redriven, again: Mapping[str, tuple[str, str]], valid: Collection[str], run_id: str, started: int
) -> Row:
    """Return the row of a message that went through the graph.

    Args:
        again: by dead letter id, the dead letter that the message became again, and its code.
        valid: ids of the events that were staged.
    """
    row = _row(redriven.dead_letter, redriven.rule, redriven.event_id, run_id, started, "RESOLVED")
    if redriven.dead_letter.dead_letter_id in again or redriven.event_id not in valid:
        next_id, code = again.get(redriven.dead_letter.dead_letter_id, (None, None))
        row.update(outcome="FAILED", next_dead_letter_id=next_id, error_code=code)
    return row


def staged_dead_letters(client: bigquery.Client, staged: Target) -> dict[str, tuple[str, str]]:
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


def _row(
    dead_letter: StoredDeadLetter, rule: str | None, event_id: str | None, run_id: str, started: int, outcome: str
) -> Row:
    return {
        "dead_letter_id": dead_letter.dead_letter_id,
        "message_id": dead_letter.message_id,
        "redriven_time": to_rfc3339(started),
        "attempt": dead_letter.attempt,
        "rule": rule,
        "outcome": outcome,
        "event_id": event_id,
        "next_dead_letter_id": None,
        "error_code": None,
        "run_id": run_id,
    }
