"""After a kill: store what a streaming run had archived and not stored, before the next writer of the stores begins.

The range begins where the run records say (pipelines/stream/run_record.py), or with the first message of segments that
were left open, minus a margin. A backfill of the range from the archive adds what is missing (docs/decisions/0008). Its
claim is recorded before the segments are finished, so that a recovery that is killed itself is repeated by the next
run. A streaming run reads the history of its sagas itself; a batch command has the recovery compute them.
"""

import glob
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from pipelines.config import JobConfig
from pipelines.errors import RunFailed, UserError
from pipelines.replay.archive_source import describe_damage, plan_archive
from pipelines.replay.engine import Engine
from pipelines.replay.event_store_source import filter_condition
from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.staging import drop_staging
from pipelines.replay.time_range import Range
from pipelines.replay.undelivered import Undelivered
from pipelines.stores.target import Endpoints, Target
from pipelines.terminal_text import escape
from schemas.message import TOPICS, UNKNOWN_TOPIC, Message
from schemas.timestamps import SECOND_US, from_datetime, to_datetime
from transforms.archive.segments import open_archive
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.filter_messages import ChooseMessages, MessageFilter
from transforms.sources.read_avro import read_avro
from transforms.sources.read_event_store import Store
from transforms.sources.read_files import ReadMessages

MARGIN_US = 600 * SECOND_US
"""Margin before the first message of the open segments: lost messages may have been published earlier, µs."""
LEASE_SECONDS = 20
COMMAND = "stream"


def recover(
    endpoints: Endpoints, target: Target, job: JobConfig, who: str, since: int | None = None, *, sagas: bool = False
) -> bool:
    """Store what a killed run left in the archive alone; a failure is a warning.

    Args:
        who: user and host, for the run record.
        since: publish time (UTC microseconds) from which on runs that did not end cleanly may lack rows; None: there
            are none.
        sagas: compute the sagas of the range too.

    Returns:
        Whether nothing is left to recover.
    """
    left = open_segments(target.lake)
    starts = [at for at in (_first_publish(left), _undone(endpoints, target), since) if at is not None]
    if not starts:
        return True
    run_id = f"{job.run.run_id}-recovery"
    start = min(starts) - MARGIN_US
    wanted = Range(start, max(job.run.started, start + 1), "publish_time")
    print(f"the last run was killed: what it had not stored since {to_datetime(wanted.start):%H:%M} is stored first")
    claim = Claim(
        run_id,
        wanted,
        "backfill",
        "archive",
        who,
        job.run.version,
        {},
        command=COMMAND,
        pii_key_version=job.pii_key_version,
    )
    run_records = RunRecords(endpoints.bigquery, target, LEASE_SECONDS)
    store = Store(target.project, endpoints.rest_url)
    try:
        for dead in _claimed(run_records, claim):
            drop_staging(endpoints, target, dead)
        with run_records.held(claim, store.client()):
            finish_segments(target.lake, run_id)
            again = job.with_run_id(run_id).model_copy(
                update={"temp": f"{job.temp}/recovery", "saga_alerts_topic": None}
            )
            engine = Engine(endpoints, target, run_records, claim, again, sagas=sagas)
            choice = MessageFilter(wanted.start, wanted.end, accept_cloudevents=job.accept_cloudevents)
            plan = plan_archive(target.lake, wanted, skip_damaged=True)
            if plan.damaged:
                print(escape(f"warning: {describe_damage(plan.damaged)}"), file=sys.stderr, flush=True)
            counts = engine.run(
                ChooseMessages(source=ReadMessages(ranges=plan.ranges, as_of=job.run.started), choice=choice),
                undelivered=Undelivered(filter_condition(choice)),
            )
    except (RunFailed, UserError) as error:
        print(escape(f"warning: {error}; `replay --mode backfill` stores it"), file=sys.stderr, flush=True)
        return False
    print(f"{run_id}: of {counts['messages']:,} messages {counts['appended']:,} events were not stored", flush=True)
    return True


def open_segments(lake: str) -> list[Path]:
    """Return the segments that no run finished; none on an object store, where nothing stays open."""
    return [] if "://" in lake else sorted(Path(lake).glob("archive/*/dt=*/hour=*/.open-*.avro"))


def first_publish_since(lake: str, runs: Iterable[str], renewed: int) -> int | None:
    """Return the earliest publish time in archive files that runs finished after an instant, both UTC microseconds.

    None: there are none. On an object store pipelines/lake/bucket_archive.py looks.
    """
    written = [
        path for run_id in runs for path in Path(lake).glob(f"archive/*/dt=*/hour=*/*-{glob.escape(run_id)}.avro")
    ]
    return _first_publish([path for path in written if path.stat().st_mtime * SECOND_US >= renewed])


def finish_segments(lake: str, run_id: str) -> None:
    """Give the open segments their names and their places in the manifests."""
    for topic in TOPICS:
        if any(path.parts[-4] == topic for path in open_segments(lake)):
            open_archive(lake, topic, run_id).close()


def _first_publish(segments: list[Path]) -> int | None:
    """Return the earliest publish time in open segments; what a kill cut off in them was never acknowledged."""
    first: int | None = None
    for path in segments:
        with path.open("rb") as file:
            try:
                for message in read_avro(file, UNKNOWN_TOPIC, path=str(path)):
                    if isinstance(message, Message):
                        first = message.publish_time if first is None else min(first, message.publish_time)
            except DamagedInput:
                continue
    return first


def _undone(endpoints: Endpoints, target: Target) -> int | None:
    """Return the start of the earliest recovery since the last completed recovery; None if there is none."""
    runs = f"`{target.table('event_store', 'replay_runs')}` WHERE command = '{COMMAND}'"
    last = f"(SELECT IFNULL(MAX(started_time), TIMESTAMP '1970-01-01') FROM {runs} AND state = 'DONE')"
    sql = f"SELECT MIN(range_start) AS first FROM {runs} AND state != 'DONE' AND started_time > {last}"
    first = next(iter(endpoints.bigquery.query(sql).result())).first
    return from_datetime(first) + MARGIN_US if first is not None else None


def _claimed(run_records: RunRecords, claim: Claim) -> list[str]:
    """Claim the range; a killed recovery holds it until its lease ends."""
    limit = time.monotonic() + LEASE_SECONDS + 5
    while True:
        try:
            return run_records.claim(claim)
        except UserError:
            if time.monotonic() > limit:
                raise
            time.sleep(1)
