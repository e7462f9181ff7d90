"""Run a claimed replay: the main job's graph into a staging beside the live stores, then one step that makes it stand.

Killed anywhere before that step, nothing has changed but a staging that the next run drops; killed behind it, all has.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import apache_beam as beam
from google.cloud import bigquery

from pipelines import batch
from pipelines import rebuild as projections
from pipelines.config import JobConfig
from pipelines.errors import RunFailed
from pipelines.replay.lake_files import drop_folder, publish_archive, publish_files
from pipelines.replay.ledger import Claim, RunLedger
from pipelines.replay.merge_statements import Statements
from pipelines.replay.publish_saga_alerts import say_sagas
from pipelines.runners.direct import counters, make_pipeline, run_to_end
from pipelines.stores.target import Endpoints, Target
from schemas.timestamps import from_datetime
from transforms.metrics import TOPIC_LABELS
from transforms.sinks.files.partitions import hour_partition
from transforms.sources.read_event_store import Store

_LOG = logging.getLogger(__name__)
Source: TypeAlias = beam.PTransform[Any, Any]


@dataclass(frozen=True)
class Engine:
    """One replay on one target. `job` is the job as it would run live."""

    endpoints: Endpoints
    target: Target
    ledger: RunLedger
    claim: Claim
    job: JobConfig
    runner: str = "FnApiRunner"
    workers: int = 1
    archives: bool = False
    """Whether the messages are new to the archive: a redrive's are."""
    sagas: bool = True
    """Whether the sagas of the orders are recomputed; False if a streaming run is about to continue them."""
    report: Callable[[str], None] = _LOG.info
    """Takes one line for each step."""

    @property
    def staged(self) -> Target:
        """Where the replay is staged, beside the live stores."""
        return staged_target(self.target, self.claim.run_id)

    @property
    def store(self) -> Store:
        """How workers read the event store."""
        return Store(self.target.project, self.endpoints.rest_url)

    def graph(self, source: Source, into: Target) -> dict[str, int]:
        """Run the main job's graph from a source into a target; return its counters."""
        job = self.job_into(into)
        pipeline = make_pipeline(self.runner, self.workers)
        batch.build(pipeline, source, job)
        return counters(run_to_end(pipeline))

    def job_into(self, into: Target) -> JobConfig:
        """Return the job with another target; what comes from the archive is not archived again."""
        places = {"lake": into.lake, "event_store": into.event_store, "analytics": into.analytics}
        return self.job.model_copy(update={**places, "archives": self.archives, "saga_alerts_topic": None})

    def run(self, source: Source, then: Callable[[Statements], str] | None = None) -> dict[str, int]:
        """Stage, find what changes, and make it stand; return the ledger's counts.

        `then` gives more statements for the same transaction (a redrive's facts).
        """
        statements, rebuild = Statements(self.target, self.staged), self.claim.mode == "rebuild"
        try:
            self.prepare()
            counted = self.graph(source, self.staged)
            self.report("staged; finding what the store lacks and what changes")
            self._script(statements.find_changes(rebuild=rebuild, sagas=self.sagas))
            hours, orders = self._number("hours WHERE NOT clean"), self._number("orders WHERE NOT clean")
            if hours + orders:
                self.report(
                    f"{hours:,} hours and {orders:,} orders reach beyond the range; computed from the whole store"
                )
                self._script(statements.clear_unclean())
                pipeline = make_pipeline(self.runner, self.workers)
                job = self.job_into(self.staged)
                projections.build(
                    pipeline, self.store, statements.unclean_hours(), statements.unclean_orders(),
                    job.model_copy(update={"temp": job.temp + "-store"}),
                )  # fmt: skip
                run_to_end(pipeline)
            counts = self._counts(counted)
            self.ledger.check_held(self.claim)
            if self.job.saga_alerts_topic:
                counts["saga_alerts_published"] = say_sagas(self._client, self.job, self.staged)
            sql = f"SELECT hour FROM `{self.staged.table('event_store', 'hours')}`"
            touched = [hour_partition(from_datetime(row.hour)) for row in self._client.query(sql).result()]
            publish_files(self.staged.lake, self.target.lake, touched, self.claim.run_id)
            if self.archives:
                publish_archive(self.staged.lake, self.target.lake, self.claim.run_id)
            done = self.ledger.row(self.claim, "DONE", counts=counts)
            if then is not None:
                done = f"{then(statements)};\n{done}"
            self.report("publishing")
            wanted, guard = self.claim.range, self.ledger.guard(self.claim)
            self._script(
                statements.publish(wanted.start, wanted.end, wanted.by, rebuild=rebuild, guard=guard, done=done)
            )
        finally:
            self.drop()
        return counts

    def run_shadow(self, source: Source, shadow: Target) -> dict[str, int]:
        """Run the graph into a shadow and record the run as done; return the counts."""
        counted = self.graph(source, shadow)
        counts = {"messages": sum(count for name, count in counted.items() if name.startswith("received_"))}
        self.ledger.record_done(self.claim, counts)
        return counts

    def prepare(self) -> None:
        """Make the empty staging."""
        place = self._client.get_dataset(self.target.dataset("event_store")).location
        for name in (self.staged.event_store, self.staged.analytics):
            dataset = bigquery.Dataset(f"{self.target.project}.{name}")
            dataset.location = place
            self._client.create_dataset(dataset)
        self._script(Statements(self.target, self.staged).stage_tables())

    def drop(self) -> None:
        """Drop this run's staging."""
        drop_staging(self.endpoints, self.target, self.claim.run_id)
        for folder in (self.job.temp, self.job.temp + "-store"):
            shutil.rmtree(folder, ignore_errors=True) if "://" not in folder else drop_folder(folder)

    @property
    def _client(self) -> bigquery.Client:
        return self.endpoints.bigquery

    def _script(self, sql: str) -> None:
        try:
            self._client.query(sql).result()
        except Exception as error:
            raise RunFailed(
                f"{self.claim.run_id}: the warehouse refused a statement ({type(error).__name__})"
            ) from error

    def _number(self, what: str) -> int:
        sql = f"SELECT COUNT(*) AS n FROM `{self.staged.project}`.`{self.staged.event_store}`.{what}"
        return int(next(iter(self._client.query(sql).result())).n)

    def _counts(self, counted: dict[str, int]) -> dict[str, int]:
        held = f"`{self.target.project}`.`{self.target.event_store}`.dead_letters"
        return {
            "messages": sum(counted.get(f"received_{topic}", 0) for topic in TOPIC_LABELS),
            "events": self._number("events"),
            "appended": self._number("fresh"),
            "dead_letters": self._number(
                f"dead_letters WHERE dead_letter_id NOT IN (SELECT dead_letter_id FROM {held})"
            ),
            "hours": self._number("hours"),
            "orders": self._number("orders"),
        }


def staged_target(target: Target, run_id: str) -> Target:
    """Return the staging of a run: two datasets and a folder of the lake, named by it."""
    name = "replay_" + "".join(char if char.isalnum() else "_" for char in run_id)
    return replace(
        target,
        event_store=f"{name}_store",
        analytics=name,
        lake=f"{target.lake}/.replay/{run_id}",
    )


def drop_staging(endpoints: Endpoints, target: Target, run_id: str) -> None:
    """Drop the staging of a run, its own or a dead one's."""
    staged = staged_target(target, run_id)
    for name in (staged.event_store, staged.analytics):
        endpoints.bigquery.delete_dataset(f"{target.project}.{name}", delete_contents=True, not_found_ok=True)
    if target.directory is not None:
        shutil.rmtree(staged.lake, ignore_errors=True)
        parent = Path(staged.lake).parent
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
    else:
        drop_folder(staged.lake)
