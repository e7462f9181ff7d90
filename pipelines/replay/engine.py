"""Run a claimed replay: the batch pipeline into a staging, then one publish into the live stores.

The publish is a transaction over all tables and the run record, followed by the files of the lake. A run that ends before
the transaction leaves only a staging, which the next run drops; after a kill later on, the next command on these stores
finishes the files (staging.py).
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import apache_beam as beam
from google.cloud import bigquery

from pipelines import batch, redeliver
from pipelines import rebuild as projections
from pipelines.config import JobConfig
from pipelines.errors import RunFailed
from pipelines.reconcile import count_rows
from pipelines.replay.gate import check_events, check_graph
from pipelines.replay.lake_files import drop_folder, publish_staged, write_plan
from pipelines.replay.merge_statements import NOTHING_UNDELIVERED, Statements
from pipelines.replay.publish_saga_alerts import publish_staged_alerts
from pipelines.replay.run_records import LOST, Claim, RunRecords
from pipelines.replay.staged_counts import count_staged, run_counts
from pipelines.replay.staging import drop_datasets, drop_files, make_staging, staged_target
from pipelines.replay.undelivered import Undelivered
from pipelines.runners.direct import counters, make_pipeline, run_to_end
from pipelines.stores.bigquery_errors import SERVICE_ERRORS
from pipelines.stores.target import Endpoints, Target
from schemas.timestamps import from_datetime
from transforms.sinks.files.partitions import hour_partition
from transforms.sources.read_event_store import ReadStore, Store
from transforms.sources.read_files import batches

_LOG = logging.getLogger(__name__)
Source: TypeAlias = beam.PTransform[Any, Any]


@dataclass(frozen=True)
class Engine:
    """One replay on one target.

    Args:
        job: the job as it would run on the live stores.
        runner: the Beam runner.
        workers: worker processes.
        archives: whether the messages are new to the archive, as those of a redrive are.
        sagas: whether sagas are recomputed; False if a streaming run is about to continue them.
        report: takes one line for each step.
    """

    endpoints: Endpoints
    target: Target
    run_records: RunRecords
    claim: Claim
    job: JobConfig
    runner: str = "FnApiRunner"
    workers: int = 1
    archives: bool = False
    sagas: bool = True
    report: Callable[[str], None] = _LOG.info

    @property
    def staged(self) -> Target:
        """The stores of the staging."""
        return staged_target(self.target, self.claim.run_id)

    @property
    def store(self) -> Store:
        """The address at which workers read the event store."""
        return Store(self.target.project, self.endpoints.rest_url)

    def graph(self, source: Source, into: Target) -> dict[str, int]:
        """Run the batch pipeline from a source into a target; return its counters.

        Raises:
            RunFailed: the graph failed, or rows that it made are not in the target.
        """
        job = self.job_into(into)
        before = count_rows(self._client, into, None)
        pipeline = make_pipeline(self.runner, self.workers)
        batch.build(pipeline, source, job)
        counted = counters(run_to_end(pipeline))
        check_graph(self._client, into, counted, before, self.claim.run_id)
        return counted

    def job_into(self, into: Target) -> JobConfig:
        """Return the job with another target, all or nothing; what comes from the archive is not archived again."""
        places = {"lake": into.lake, "event_store": into.event_store, "analytics": into.analytics}
        return self.job.model_copy(
            update={**places, "archives": self.archives, "saga_alerts_topic": None, "publish": "all"}
        )

    def run(
        self,
        source: Source | None,
        then: Callable[[Statements], str] | None = None,
        undelivered: Undelivered = NOTHING_UNDELIVERED,
    ) -> dict[str, int]:
        """Stage, find what changes, and publish it; return the counts of the run record.

        Args:
            source: the messages; None if only undelivered rows are delivered.
            undelivered: rows that tables rejected, which are delivered too.
            then: returns more statements for the transaction (the outcomes of a redrive).

        Raises:
            RunFailed: nothing was published, or, as the text states, only files are left to publish.
        """
        try:
            self.prepare()
            counted = self.graph(source, self.staged) if source is not None else {}
            self._redeliver(undelivered)
            counts, script = self._prepare_publish(counted, then, undelivered)
        except BaseException:
            self.drop()
            raise
        self.report("publishing")
        self._publish(script)
        return counts

    def run_shadow(self, source: Source, shadow: Target) -> dict[str, int]:
        """Run the graph into a shadow and record the run as done; return the counts."""
        counted = self.graph(source, shadow)
        check_events(self._client, shadow, self.claim.run_id)
        counts = {"messages": sum(count for name, count in counted.items() if name.startswith("received_"))}
        self.run_records.record_done(self.claim, counts)
        return counts

    def prepare(self) -> None:
        """Create the empty staging."""
        make_staging(self.endpoints, self.target, self.claim.run_id)

    def drop(self, *, files: bool = True) -> None:
        """Drop this run's staging; `files` is False if they are still to be published."""
        try:
            drop_datasets(self.endpoints, self.target, self.claim.run_id)
        except SERVICE_ERRORS as error:
            _LOG.warning("%s: its staging is left, the next run drops it (%s)", self.claim.run_id, type(error).__name__)
        if files:
            drop_files(self.target, self.claim.run_id)
        for folder in (self.job.temp, self.job.temp + "-store", self.job.temp + "-rows"):
            shutil.rmtree(folder, ignore_errors=True) if "://" not in folder else drop_folder(folder)

    @property
    def _client(self) -> bigquery.Client:
        return self.endpoints.bigquery

    def _prepare_publish(
        self, counted: dict[str, int], then: Callable[[Statements], str] | None, undelivered: Undelivered
    ) -> tuple[dict[str, int], str]:
        """Compute what the range cuts, check the staging, and return the counts and the transaction."""
        statements, rebuild = Statements(self.target, self.staged), self.claim.mode == "rebuild"
        check_events(self._client, self.staged, self.claim.run_id)
        self.report("staged; comparing with the live stores")
        self._script(statements.find_changes(rebuild=rebuild, sagas=self.sagas, undelivered=undelivered), "compare")
        self._project(statements)
        counts = run_counts(self._client, self.target, self.staged, counted)
        self.run_records.check_held(self.claim)
        if self.job.saga_alerts_topic:
            counts["saga_alerts_published"] = publish_staged_alerts(self._client, self.job, self.staged)
        sql = f"SELECT hour FROM `{self.staged.table('event_store', 'hours')}`"
        partitions = [hour_partition(from_datetime(row.hour)) for row in self._client.query(sql).result()]
        write_plan(self.staged.lake, partitions, archives=self.archives)
        done = self.run_records.row(self.claim, "DONE", counts=counts)
        if then is not None:
            done = f"{then(statements)};\n{done}"
        wanted, guard = self.claim.range, self.run_records.guard(self.claim)
        return counts, statements.publish(wanted.start, wanted.end, wanted.by, rebuild=rebuild, guard=guard, done=done)

    def _redeliver(self, undelivered: Undelivered) -> None:
        """Stage the rows of stored events that are missing in a typed table."""
        statements = Statements(self.target, self.staged)
        self._script(statements.find_missing(undelivered), "compare")
        missing = count_staged(self._client, self.staged, "missing")
        if not missing + len(undelivered.messages):
            return
        self.report(f"{missing + len(undelivered.messages):,} events lack a row; delivered from the event store")
        sources: list[Source] = [ReadStore(store=self.store, queries=[statements.missing_events()])] if missing else []
        if undelivered.messages:
            sources.append(beam.Create(list(batches(undelivered.messages)), reshuffle=False))
        before = count_rows(self._client, self.staged, None)
        pipeline = make_pipeline(self.runner, self.workers)
        job = self.job_into(self.staged)
        redeliver.build(pipeline, sources, job.model_copy(update={"temp": job.temp + "-rows"}))
        check_graph(self._client, self.staged, counters(run_to_end(pipeline)), before, self.claim.run_id)

    def _project(self, statements: Statements) -> None:
        """Compute hours and orders that reach beyond the range from the whole store."""
        hours = count_staged(self._client, self.staged, "hours WHERE NOT clean")
        orders = count_staged(self._client, self.staged, "orders WHERE NOT clean")
        if not hours + orders:
            return
        self.report(f"{hours:,} hours and {orders:,} orders reach beyond the range; computed from the whole store")
        self._script(statements.clear_unclean(), "clear")
        before = count_rows(self._client, self.staged, None)
        pipeline = make_pipeline(self.runner, self.workers)
        job = self.job_into(self.staged)
        job = job.model_copy(update={"temp": job.temp + "-store"})
        projections.build(pipeline, self.store, statements.unclean_hours(), statements.unclean_orders(), job)
        check_graph(self._client, self.staged, counters(run_to_end(pipeline)), before, self.claim.run_id)

    def _publish(self, script: str) -> None:
        """Run the transaction, then publish the files, and drop the staging."""
        try:
            self._script(script, "publish")
        except BaseException as error:
            committed = self._committed()
            if committed is not True:
                self.drop(files=committed is False)
                raise
            self._publish_files()
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            self._publish_files()

    def _publish_files(self) -> None:
        try:
            publish_staged(self.staged.lake, self.target.lake, self.claim.run_id)
        except OSError as error:
            self.drop(files=False)
            raise RunFailed(
                f"{self.claim.run_id}: the rows are published, the files of {self.target.lake} are not"
                f" ({error.strerror or type(error).__name__}); the next command that writes publishes them"
            ) from error
        self.drop()

    def _committed(self) -> bool | None:
        """Return whether the transaction was committed although its reply was lost; None if BigQuery does not answer."""
        # If None, the staged files are kept, and the next command decides by the run record.
        try:
            return self.run_records.state(self.claim.run_id) == "DONE"
        except SERVICE_ERRORS:
            return None

    def _script(self, sql: str, step: str) -> None:
        try:
            self._client.query(sql).result()
        except Exception as error:
            if LOST in str(error):
                raise RunFailed(f"{self.claim.run_id}: {LOST}; nothing was changed") from None
            raise RunFailed(
                f"{self.claim.run_id}: BigQuery rejected the statement of step {step} ({type(error).__name__});"
                " nothing was changed"
            ) from error
