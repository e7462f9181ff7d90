"""The run record of a command that writes: RUNNING at its start, DONE at a clean end, FAILED with the error.

Records are rows of `event_store.runs` that are only ever added; the view `run_states` gives the newest state of each
run. A process that is killed leaves its record RUNNING: the next command that writes closes it as FAILED. What a killed
streaming run had archived and not stored is recovered by that (pipelines/stream/run_record.py). A killed batch run is
run again over the same input; what it had published of its result is deleted first, unless that was all of it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.error_text import known_text, place
from pipelines.errors import RunFailed
from pipelines.stores.bigquery_errors import SERVICE_ERRORS
from pipelines.stores.folder_lock import this_process
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from pipelines.version import pipeline_version
from schemas.tables.definitions import RUNS, SCHEMA_VERSION
from schemas.timestamps import to_rfc3339

SECRETS = ("run", "pii_key_file", "pii_key", "pii_key_secret")
"""Options that a record leaves out."""
BATCH_COMMANDS = ("local", "provision", "forget", "settings")
"""Commands whose killed runs are closed: they acknowledge no messages to a sender."""
PUBLISHES = "local"
"""The one of them that publishes a result, table by table."""


class UndoIncomplete(RunFailed):
    """A failed run has left rows or files: its record stays RUNNING with the error, so the next writer deletes them."""


class DeadRun(NamedTuple):
    """A batch run whose process ended before the run did. `error` is set if it failed and could not be undone."""

    run_id: str
    command: str
    error: str | None
    bigquery_method: str | None


@dataclass(frozen=True, kw_only=True)
class Run:
    """The run that a record describes.

    Args:
        run_id: the run.
        command: the command.
        started: its start, UTC microseconds.
        mode: batch or stream; None if the command processes no messages.
        source: what it reads.
        configuration: its options; those of SECRETS are left out.
        pii_key_version: version of the key of pseudonyms; None without a key.
    """

    run_id: str
    command: str
    started: int
    mode: str | None = None
    source: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    pii_key_version: str | None = None


@dataclass
class RunCounts:
    """What a run has written, for its record; filled by the block of `recorded`.

    Args:
        messages: messages read.
        events: valid events among them.
        dead_letters: dead letters among them.
        tables: by table, rows and undelivered rows.
        problem: why the run failed although it ended; None: it did not fail.
    """

    messages: int | None = None
    events: int | None = None
    dead_letters: int | None = None
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)
    problem: str | None = None


@contextmanager
def recorded(client: bigquery.Client, target: Target, run: Run) -> Iterator[RunCounts]:
    """Record a run while the block runs; a failure of the block is recorded and raised.

    Stores that were never provisioned by this version have no table of records: then nothing is recorded.
    """
    counts = RunCounts()
    try:
        _insert(client, target, run, "RUNNING", counts)
    except NotFound:
        yield counts
        return
    try:
        yield counts
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and run.command == PUBLISHES:
            raise  # it may be between two tables: the next command that writes looks, as after a kill
        try:
            state = "RUNNING" if isinstance(error, UndoIncomplete) else "FAILED"
            _insert(client, target, run, state, counts, _text(error))
        except (*SERVICE_ERRORS, RunFailed):
            pass  # the stores do not answer: the next command closes the record
        raise
    _insert(client, target, run, "FAILED" if counts.problem else "DONE", counts, counts.problem)


def close_dead_runs(
    client: bigquery.Client, target: Target, by: str, undo: Callable[[DeadRun], bool] | None = None
) -> list[str]:
    """Close the records of batch runs that were killed; return their ids.

    The caller holds the folder's lock, so that each RUNNING record there is of a dead process. In the cloud nothing is
    closed: the owner may be alive on another machine.

    Args:
        by: the run that closes them.
        undo: deletes what a killed run that publishes has published in part; returns whether nothing of it is left.
            None: such runs are left to a command that can.
    """
    if target.directory is None:
        return []
    closed = []
    for run in _dead_runs(client, target, by):
        if run.command == PUBLISHES and (undo is None or not undo(run)):
            continue
        reason = run.error or "its process ended before the run did"
        cells = {
            "run_id": string_literal(run.run_id),
            "recorded_time": "CURRENT_TIMESTAMP()",
            "state": "'FAILED'",
            "command": string_literal(run.command),
            "ended_time": "CURRENT_TIMESTAMP()",
            "error": string_literal(f"{reason}; closed by {by}"),
        }
        _add(client, target, cells)
        closed.append(run.run_id)
    return closed


def _dead_runs(client: bigquery.Client, target: Target, by: str) -> list[DeadRun]:
    commands = ", ".join(f"'{command}'" for command in BATCH_COMMANDS)
    view = target.table("event_store", "run_states")
    sql = f"""SELECT run_id, command, error, JSON_VALUE(configuration, '$.bigquery_method') AS bigquery_method FROM `{view}`
WHERE state = 'RUNNING' AND command IN ({commands}) AND run_id != @by"""
    config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("by", "STRING", by)])
    return [DeadRun(*row.values()) for row in client.query(sql, job_config=config).result()]


def _insert(
    client: bigquery.Client, target: Target, run: Run, state: str, counts: RunCounts, error: str | None = None
) -> None:
    owner = this_process(run.command)
    shown = {name: value for name, value in run.configuration.items() if name not in SECRETS and value is not None}
    tables = [
        f"STRUCT({string_literal(table)} AS table_name, {rows} AS row_count, {undelivered} AS undelivered)"
        for table, (rows, undelivered) in counts.tables.items()
    ]
    cells = {
        "run_id": string_literal(run.run_id),
        "recorded_time": "CURRENT_TIMESTAMP()",
        "state": string_literal(state),
        "command": string_literal(run.command),
        "mode": string_literal(run.mode),
        "source": string_literal(run.source),
        "owner_user": string_literal(owner.user),
        "owner_host": string_literal(owner.host),
        "owner_pid": str(owner.pid),
        "started_time": f"TIMESTAMP '{to_rfc3339(run.started)}'",
        "ended_time": "NULL" if state == "RUNNING" else "CURRENT_TIMESTAMP()",
        "pipeline_version": string_literal(pipeline_version()),
        "schema_version": string_literal(SCHEMA_VERSION),
        "configuration": f"PARSE_JSON({string_literal(json.dumps(shown, default=str, sort_keys=True))})",
        **{
            name: str("NULL" if (count := getattr(counts, name)) is None else count)
            for name in ("messages", "events", "dead_letters")
        },
        **({"counts": f"[{', '.join(tables)}]"} if tables else {}),
        **({"pii_key_version": string_literal(run.pii_key_version)} if run.pii_key_version else {}),
        "error": string_literal(error),
    }
    _add(client, target, cells)


def _add(client: bigquery.Client, target: Target, cells: Mapping[str, str]) -> None:
    table = target.table("event_store", RUNS.name)
    client.query(f"INSERT INTO `{table}` ({', '.join(cells)}) VALUES ({', '.join(cells.values())})").result()


def _text(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return (known_text(error) or f"{type(error).__name__}{place(error)}")[:500]
