"""Streaming runs that did not end cleanly, by their run records, and how their records are closed.

Records are written by pipelines/stream/run_record.py; pipelines/replay/unfinished.py stores what is missing.
"""

from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.tables.definitions import RUNS
from schemas.timestamps import from_datetime

COMMAND = "stream"


@dataclass(frozen=True)
class Interrupted:
    """A run that did not end cleanly: messages published from `since` on, UTC microseconds, may be missing.

    `renewed`: when its record was written last, UTC microseconds.
    """

    run_id: str
    since: int
    renewed: int


def interrupted_runs(client: bigquery.Client, target: Target) -> list[Interrupted]:
    """Return the streaming runs that did not end cleanly.

    The caller holds the lock of a folder's stores, so that each RUNNING record there is of a dead process. In the cloud
    a run is dead when its lease is over.
    """
    dead = "TRUE" if target.directory is not None else "lease_until < CURRENT_TIMESTAMP()"
    sql = f"""SELECT run_id, range_from, recorded_time FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY IF(state = 'RUNNING', 0, 1) DESC, recorded_time DESC) AS newest
  FROM `{target.table("event_store", RUNS.name)}` WHERE command = '{COMMAND}'
) WHERE newest = 1 AND state = 'RUNNING' AND {dead} ORDER BY recorded_time"""
    try:
        rows: list[Any] = list(client.query(sql).result())
    except NotFound:
        return []  # a store of an earlier version, without run records
    return [Interrupted(row.run_id, from_datetime(row.range_from), from_datetime(row.recorded_time)) for row in rows]


def close_interrupted(client: bigquery.Client, target: Target, runs: list[Interrupted], by: str) -> None:
    """Record that what interrupted runs had not stored is stored.

    Args:
        runs: the runs that were recovered.
        by: the run that recovered them.
    """
    table = target.table("event_store", RUNS.name)
    for run in runs:
        cells = {
            "run_id": string_literal(run.run_id),
            "recorded_time": "CURRENT_TIMESTAMP()",
            "state": "'FAILED'",
            "command": string_literal(COMMAND),
            "mode": "'stream'",
            "ended_time": "CURRENT_TIMESTAMP()",
            "error": string_literal(f"it did not end cleanly; {by} stored what was missing"),
        }
        client.query(f"INSERT INTO `{table}` ({', '.join(cells)}) VALUES ({', '.join(cells.values())})").result()
