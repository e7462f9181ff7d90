"""Bring a read model up to date with its event store: the runs that it lacks, or all of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from google.api_core.exceptions import NotFound

from pipelines.config import JobConfig
from pipelines.errors import RunFailed, UserError
from pipelines.read_model import graph
from pipelines.read_model.applied import Applied, mark_runs
from pipelines.read_model.migrate import migrate
from pipelines.read_model.queries import IDS_PER_QUERY, of_runs, saga_query, sliced_queries, typed_queries, with_ids
from pipelines.read_model.session import Session, open_session
from pipelines.read_model.swap import building, swap
from pipelines.runners.direct import RUNNERS, counters, make_pipeline, run_to_end
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Endpoints, Target
from schemas.read_model.address import ReadModelAddress
from schemas.timestamps import SECOND_US, to_datetime, to_rfc3339
from transforms.clock import wall_us
from transforms.sources.read_event_store import Store

SUFFIX = "-read-model"
"""Ends the run id of dead letters that the read model caused."""
IN_FLIGHT_SECONDS = 60.0
"""How long, in addition to the retry budget, an event may be in the read model before it is in the event store."""
CHECK_SECONDS = 1.0
STREAM = "stream "
"""Begins the name of the setting that a streaming run leaves until it has ended."""


@dataclass(frozen=True, kw_only=True)
class ReadModelOfStore:
    """A read model and the event store that it follows.

    Args:
        address: the read model.
        endpoints: clients of the event store.
        target: the event store.
        job: options of the job; its run names dead letters.
        runner: the Beam runner.
        workers: worker processes.
    """

    address: ReadModelAddress
    endpoints: Endpoints
    target: Target
    job: JobConfig
    runner: str = RUNNERS[0]
    workers: int = 1

    def prepare(self, *, any_store: bool = False) -> None:
        """Create or update the tables, and check that they follow this store.

        Args:
            any_store: the tables are about to be rebuilt from this store, whatever they follow now.

        Raises:
            UserError: the read model follows another store.
        """
        migrate(self.address)
        if any_store:
            return
        with open_session(self.address) as session:
            settings = session.control("settings")
            mine = _identity(self.target)
            session.rows(
                f"INSERT INTO {settings} (name, value) VALUES ('store', ?) ON CONFLICT (name) DO NOTHING", mine
            )
            [(held,)] = session.rows(f"SELECT value FROM {settings} WHERE name = 'store'")
        if held != mine:
            raise UserError(
                f"--read_model {self.address}: it follows the store {held}, not {mine}; use another schema or file, or"
                " `replay --mode rebuild --read_model`"
            )

    def follow_replay(self, mode: str, report: Callable[[str], None]) -> Applied:
        """Follow a replay that was published: rebuild after a rebuild, add after a backfill."""
        if mode == "rebuild":
            return self.rebuild(report)
        self.prepare()
        return self.apply_missing()

    def start_stream(self, run_id: str, since: int | None) -> None:
        """Bring in what is missing, and record that a streaming run writes its own events from now on.

        Args:
            run_id: the streaming run.
            since: publish time from which the event store and the read model may differ, UTC microseconds; None: nowhere.
        """
        self.apply_missing(since=since)
        with open_session(self.address) as session:
            settings = session.control("settings")
            session.rows(f"INSERT INTO {settings} (name, value) VALUES (?, 'RUNNING')", STREAM + run_id)
            mark_runs(session, [run_id])

    def end_stream(self, run_id: str) -> None:
        """Record that a streaming run has ended and that all its events are in the read model."""
        with open_session(self.address) as session:
            session.rows(f"DELETE FROM {session.control('settings')} WHERE name = ?", STREAM + run_id)

    def apply_missing(self, *, since: int | None = None) -> Applied:
        """Bring in the events of runs that the read model lacks; the streaming run writes its own.

        Args:
            since: bring in everything that was published from then on too, UTC microseconds: what a streaming run that
                was killed may have stored in one place and not in the other.
        """
        with open_session(self.address) as session:
            ended = self._ended_streams(session)
            missing = [*self._missing_runs(session), *(() if since is not None else ended)]
            queries = [] if since is None else typed_queries(
                self.target, f"stored.publish_time >= TIMESTAMP '{to_rfc3339(since)}'"
            )  # fmt: skip
            if missing:
                queries += typed_queries(self.target, of_runs(missing, self.target))
            applied = Applied(rows=0, undelivered=0)
            if queries:
                sagas = session.table("order_sagas")
                for run in ended:  # the store may lack what a killed run wrote here: its rows give way to the store's
                    session.rows(f"UPDATE {sagas} SET version = 0 WHERE run_id = ?", run)
                applied = self._run([*queries, saga_query(self.target)], None)
            mark_runs(session, missing)
            for run in ended:
                session.rows(f"DELETE FROM {session.control('settings')} WHERE name = ?", STREAM + run)
        return applied

    def rebuild(self, report: Callable[[str], None]) -> Applied:
        """Fill new tables from the whole event store and swap them in; readers see the old ones until then."""
        migrate(self.address)
        with open_session(self.address) as session, building(session) as namespace:
            report(f"read model {self.address}: building new tables")
            runs = self._runs()
            started = wall_us()
            queries = sliced_queries(self.endpoints.bigquery, self.target)
            applied = self._run([*queries, saga_query(self.target)], namespace)
            applied = self._catch_up(session, namespace, started, applied)
            mark_runs(session, runs, namespace)
            live, new = session.table("applied_runs"), session.table("applied_runs", namespace)
            session.rows(f"INSERT INTO {new} SELECT * FROM {live} WHERE TRUE ON CONFLICT (run_id) DO NOTHING")
            swap(session, namespace)
            settings = session.control("settings")
            session.rows(
                f"INSERT INTO {settings} (name, value) VALUES ('store', ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                _identity(self.target),
            )
        report(f"read model {self.address}: new tables are live")
        return applied

    def _catch_up(self, session: Session, namespace: str, started: int, applied: Applied) -> Applied:
        """Bring in events that were on their way into the event store when it was read.

        Writers write to both namespaces by now. An event that the live tables hold and the event store does not hold in
        time is not in the views either: it was rejected or deleted, and the new tables are without it too.
        """
        budget = self.job.sink_retry_budget_seconds + IN_FLIGHT_SECONDS
        recent = started - round(budget * SECOND_US)
        limit = time.monotonic() + budget
        while ids := self._recent_missing(session, namespace, recent):
            more = self._run(typed_queries(self.target, with_ids(ids)), namespace)
            applied = Applied(rows=applied.rows + more.rows, undelivered=applied.undelivered + more.undelivered)
            if not more.rows:
                if not self._stream_runs() or time.monotonic() > limit:
                    break
                time.sleep(CHECK_SECONDS)
        if orders := self._older_sagas(session, namespace):
            condition = f"order_id IN ({', '.join(map(string_literal, orders))})"
            self._run([saga_query(self.target, condition)], namespace)
        return applied

    def _recent_missing(self, session: Session, namespace: str, recent: int) -> list[str]:
        live, new = session.table("applied_events"), session.table("applied_events", namespace)
        moment = to_datetime(recent) if session.dialect.name == "postgresql" else recent
        rows = session.rows(
            f"SELECT live.event_id FROM {live} AS live LEFT JOIN {new} AS new ON new.event_id = live.event_id"
            f" WHERE new.event_id IS NULL AND live.publish_time >= ? LIMIT {IDS_PER_QUERY}",
            moment,
        )
        return [str(row[0]) for row in rows]

    def _older_sagas(self, session: Session, namespace: str) -> list[str]:
        live, new = session.table("order_sagas"), session.table("order_sagas", namespace)
        rows = session.rows(
            f"SELECT live.order_id FROM {live} AS live LEFT JOIN {new} AS new ON new.order_id = live.order_id"
            f" WHERE new.order_id IS NULL OR new.version < live.version LIMIT {IDS_PER_QUERY}"
        )
        return [row[0] for row in rows]

    def _run(self, queries: list[tuple[str, str]], namespace: str | None) -> Applied:
        pipeline = make_pipeline(self.runner, self.workers)
        store = Store(self.target.project, self.endpoints.rest_url)
        job = self.job.with_run_id(self.job.run.run_id + SUFFIX)
        graph.build(pipeline, store, queries, job, self.address, namespace)
        counted = counters(run_to_end(pipeline))
        if exhausted := counted.get("read_model_exhausted", 0):
            raise RunFailed(
                f"--read_model {self.address}: {exhausted:,} rows were not written after"
                f" {self.job.sink_retry_budget_seconds:g} s of retries; the next run with --read_model writes them"
            )
        return Applied(rows=counted.get("read_model_rows", 0), undelivered=counted.get("read_model_undelivered", 0))

    def _missing_runs(self, session: Session) -> list[str]:
        held = {row[0] for row in session.rows(f"SELECT run_id FROM {session.table('applied_runs')}")}
        return [run for run in self._runs() if run not in held]

    def _ended_streams(self, session: Session) -> list[str]:
        """Return the streaming runs that did not say that they ended, and are not running: they were killed."""
        names = session.rows(f"SELECT name FROM {session.control('settings')} WHERE name LIKE ?", f"{STREAM}%")
        alive = set() if self.target.directory is not None else self._stream_runs()
        return [run for (name,) in names if (run := name.removeprefix(STREAM)) not in alive]

    def _runs(self) -> list[str]:
        sql = f"SELECT DISTINCT run_id FROM `{self.target.table('event_store', 'events')}` ORDER BY run_id"
        return [row.run_id for row in self.endpoints.bigquery.query(sql).result()]

    def _stream_runs(self) -> set[str]:
        """Return the streaming runs that may be writing."""
        view = self.target.table("event_store", "run_states")
        sql = f"SELECT run_id FROM `{view}` WHERE state = 'RUNNING' AND command = 'stream'"
        try:
            return {row.run_id for row in self.endpoints.bigquery.query(sql).result()}
        except NotFound:
            return set()


def _identity(target: Target) -> str:
    if target.directory is None:
        return f"{target.project}.{target.event_store}"
    return str((target.shown or target.directory).resolve())
