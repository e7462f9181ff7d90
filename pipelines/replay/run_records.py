"""The run records of replays: append-only, with leases on their ranges (docs/decisions/0005).

A replay claims its range before it writes anything. A second claim on the range is rejected with the name of the first;
of two concurrent claims the later one withdraws. A claim is a lease, renewed during the run; the lease of a dead run
expires, and the next run takes over its range. In BigQuery the earlier of two claims may become visible after the later
one was checked: the transaction that commits a replay therefore checks again, and only the earliest claim passes.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.errors import RunFailed, UserError
from pipelines.replay.time_range import Range
from pipelines.stores.bigquery_errors import SERVICE_ERRORS, describe_error
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.tables.definitions import REPLAYS, SCHEMA_VERSION
from schemas.timestamps import to_rfc3339

COUNTS = ("messages", "events", "appended", "dead_letters", "hours", "orders")
REACH_SECONDS = 30.0
"""Timeout of the check that the table of run records answers, seconds."""
LOST = "its lease ended and another run took the range over, or another run claimed it first"


@dataclass(frozen=True)
class Claim:
    """The range that a replay claims, and its options."""

    run_id: str
    range: Range
    mode: str
    source: str
    who: str
    version: str
    filters: dict[str, Any]
    into: str | None = None
    command: str = "replay"
    pii_key_version: str | None = None


@dataclass
class RunRecords:
    """The run records of the replays of one target."""

    client: bigquery.Client
    target: Target
    lease_seconds: int = 600

    def reach(self) -> None:
        """Check that the table answers, before anything is written; UserError if it does not answer in time."""
        retry = bigquery.DEFAULT_RETRY.with_timeout(REACH_SECONDS)
        try:
            self.client.query(
                f"SELECT run_id FROM {self._table} LIMIT 0", retry=retry, job_retry=None, timeout=REACH_SECONDS
            ).result(retry=retry, job_retry=None, timeout=REACH_SECONDS)
        except NotFound:
            return  # the stores are not provisioned yet
        except SERVICE_ERRORS as error:
            raise UserError(f"the run records {self._table} cannot be reached: {describe_error(error)}") from error

    def claim(self, claim: Claim) -> list[str]:
        """Claim a range and return the dead runs that are taken over; UserError if another run holds the range."""
        try:
            named = f"SELECT run_id FROM {self._table} WHERE run_id = {string_literal(claim.run_id)} LIMIT 1"
            if list(self.client.query(named).result()):
                raise UserError(f"--run_id {claim.run_id}: a run of this name is recorded; give another")
            holders = self._holders(claim)
            alive = [row for row in holders if row.alive]
            if not alive:
                self._run(self.row(claim, "RUNNING"))
                holders = self._holders(claim)
                mine = next(row for row in holders if row.run_id == claim.run_id)
                alive = [
                    row
                    for row in holders
                    if row.alive and (row.started_time, row.run_id) < (mine.started_time, mine.run_id)
                ]
                if alive:
                    self._run(self.row(claim, "FAILED", error=f"withdrawn: {alive[0].run_id} was first"))
            if alive:
                first = alive[0]
                raise UserError(
                    f"{claim.range}: {first.command} {first.run_id} of {first.who} holds this range"
                    f" (since {first.started_time:%Y-%m-%dT%H:%M:%SZ}, its lease ends"
                    f" {first.lease_until:%Y-%m-%dT%H:%M:%SZ}); wait for it"
                )
            dead = [row for row in holders if row.run_id != claim.run_id]
            for row in dead:
                self._run(self.closing(row.run_id, f"its lease ended; taken over by {claim.run_id}"))
        except SERVICE_ERRORS as error:
            raise UserError(f"the run records {self._table} cannot be reached: {describe_error(error)}") from error
        return [row.run_id for row in dead]

    @contextmanager
    def held(self, claim: Claim, client: bigquery.Client) -> Iterator[None]:
        """Renew the lease while the block runs; a block that fails is recorded as FAILED."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(claim, client, done), name="lease", daemon=True)
        thread.start()
        try:
            yield
        except BaseException as error:
            done.set()
            self._record_failure(claim, error)
            raise
        finally:
            done.set()
            thread.join(timeout=5)

    def row(self, claim: Claim, state: str, error: str | None = None, counts: dict[str, int] | None = None) -> str:
        """Return the statement that adds one record, with the time of the warehouse."""
        lease = (
            f"TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {self.lease_seconds} SECOND)"
            if state == "RUNNING"
            else "NULL"
        )
        cells = {
            "run_id": string_literal(claim.run_id),
            "recorded_time": "CURRENT_TIMESTAMP()",
            "state": string_literal(state),
            "lease_until": lease,
            "command": string_literal(claim.command),
            "mode": string_literal(claim.mode),
            "source": string_literal(claim.source),
            "clock": string_literal(claim.range.by),
            "range_start": f"TIMESTAMP '{to_rfc3339(claim.range.start)}'",
            "range_end": f"TIMESTAMP '{to_rfc3339(claim.range.end)}'",
            "filters": string_literal(json.dumps(claim.filters, sort_keys=True)),
            "into_dataset": string_literal(claim.into),
            **{name: str((counts or {}).get(name, "NULL")) for name in COUNTS},
            "who": string_literal(claim.who),
            "pipeline_version": string_literal(claim.version),
            "schema_version": string_literal(SCHEMA_VERSION),
            "pii_key_version": string_literal(claim.pii_key_version),
            "error": string_literal(error),
        }
        columns = ", ".join(f"`{name}`" for name in cells)
        return f"INSERT INTO {self._table} ({columns}) VALUES ({', '.join(cells.values())})"

    def state(self, run_id: str) -> str | None:
        """Return the state of a run, None if there is no record of it."""
        sql = f"SELECT state FROM {self._view} WHERE run_id = {string_literal(run_id)}"
        return next((row.state for row in self.client.query(sql).result()), None)

    def ended_just_now(self, run_id: str) -> bool:
        """Tell whether a run ended less than a lease ago: its process may still be publishing files."""
        recent = f"recorded_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {self.lease_seconds} SECOND)"
        sql = f"SELECT run_id FROM {self._view} WHERE run_id = {string_literal(run_id)} AND {recent}"
        return bool(list(self.client.query(sql).result()))

    def ended_runs(self) -> list[str]:
        """Return the runs that are DONE or FAILED."""
        sql = f"SELECT run_id FROM {self._view} WHERE state != 'RUNNING'"
        return [row.run_id for row in self.client.query(sql).result()]

    def record_done(self, claim: Claim, counts: dict[str, int]) -> None:
        """Record that the run is done, if no publish records it."""
        self._run(self.row(claim, "DONE", counts=counts))

    def check_held(self, claim: Claim) -> None:
        """Raise RunFailed if the claim was taken over while this run was suspended, or was not the first."""
        [row] = self.client.query(f"SELECT {self._holds(claim)} AS held").result()
        if not row.held:
            raise RunFailed(f"{claim.run_id}: {LOST}; nothing was changed")

    def guard(self, claim: Claim) -> str:
        """Return the statement that fails, and with it its transaction, if the claim is no longer held."""
        return f"SELECT IF({self._holds(claim)}, 'held', ERROR({string_literal(f'{claim.run_id}: {LOST}')})) AS claim"

    def _holds(self, claim: Claim) -> str:
        mine = (
            f"SELECT started_time FROM {self._view} WHERE run_id = {string_literal(claim.run_id)} AND state = 'RUNNING'"
        )
        return f"""EXISTS({mine}) AND NOT EXISTS(
  SELECT run_id FROM {self._view} WHERE {self._meets(claim)} AND run_id != {string_literal(claim.run_id)}
    AND started_time <= ({mine}) AND (started_time < ({mine}) OR run_id < {string_literal(claim.run_id)})
    AND (state = 'DONE' AND recorded_time > ({mine}) OR state = 'RUNNING' AND lease_until > CURRENT_TIMESTAMP())
)"""

    @property
    def _table(self) -> str:
        return f"`{self.target.table('event_store', REPLAYS.name)}`"

    @property
    def _view(self) -> str:
        return f"`{self.target.table('event_store', 'replay_runs')}`"

    def _run(self, sql: str) -> None:
        self.client.query(sql).result()

    def _holders(self, claim: Claim) -> list[Any]:
        return list(self.client.query(self.holders_sql(claim)).result())

    def holders_sql(self, claim: Claim) -> str:
        """Return the query of RUNNING runs that overlap the range and write to the same stores, the oldest first."""
        return f"""
SELECT run_id, command, who, started_time, lease_until, lease_until > CURRENT_TIMESTAMP() AS alive FROM {self._view}
WHERE state = 'RUNNING' AND {self._meets(claim)} ORDER BY started_time, run_id"""

    def _meets(self, claim: Claim) -> str:
        start, end = to_rfc3339(claim.range.start), to_rfc3339(claim.range.end)
        return f"""IFNULL(into_dataset, '') = {string_literal(claim.into or "")} AND (
  clock != {string_literal(claim.range.by)} OR (range_start < TIMESTAMP '{end}' AND range_end > TIMESTAMP '{start}')
)"""

    def closing(self, run_id: str, error: str) -> str:
        """Return the statement that records a dead run as FAILED with its own columns."""
        changed = {
            "recorded_time": "CURRENT_TIMESTAMP()",
            "state": "'FAILED'",
            "lease_until": "NULL",
            "error": string_literal(error),
        }
        names = [column.name for column in REPLAYS.columns]
        cells = ", ".join(changed.get(name, f"`{name}`") for name in names)
        columns = ", ".join(f"`{name}`" for name in names)
        return f"INSERT INTO {self._table} ({columns}) SELECT {cells} FROM {self._view} WHERE run_id = {string_literal(run_id)}"

    def _renew(self, claim: Claim, client: bigquery.Client, done: threading.Event) -> None:
        while not done.wait(self.lease_seconds / 3):
            try:
                client.query(self.row(claim, "RUNNING")).result(timeout=self.lease_seconds / 3)
            except Exception:  # BigQuery does not answer: the next renewal retries, and check_held decides
                continue

    def _record_failure(self, claim: Claim, error: BaseException) -> None:
        text = str(error) if isinstance(error, (RunFailed, UserError)) else type(error).__name__
        try:
            if claim.into is None and self.state(claim.run_id) == "DONE":
                return  # its rows are published; only files or the staging are left
            self._run(self.row(claim, "FAILED", error=text[:500]))
        except SERVICE_ERRORS:
            return  # the lease expires
