"""Run a redrive: plan the repairs, claim the range, send the messages, and record the outcome of each dead letter."""

from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.job import make_job, whoami
from pipelines.replay.engine import Engine
from pipelines.replay.merge_statements import TYPED, Statements
from pipelines.replay.redrive.plan import Plan, plan_redrive
from pipelines.replay.redrive.publish import publish
from pipelines.replay.redrive.records import (
    append_rows,
    delivered_row,
    delivered_rows,
    given_up_row,
    outcome_row,
    sent_row,
    staged_dead_letters,
    staged_events,
)
from pipelines.replay.redrive.request import RedriveRequest, RedriveResult
from pipelines.replay.redrive.stored import StoredDeadLetter, read_contents, read_dead_letters, read_ids
from pipelines.replay.run import claim_range
from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.time_range import Range
from pipelines.replay.undelivered import Undelivered, hours_and_orders, message_of_row
from pipelines.replay.unfinished import finish_killed_runs
from pipelines.stores.settings import KeyOfRun, provision_agreed
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Endpoints
from pipelines.stores.undelivered import add_undelivered_dead_letters
from pipelines.version import pipeline_version
from schemas.tables.definitions import EVENTS, REDRIVES
from transforms.sources.read_event_store import Store
from transforms.sources.read_files import batches

NO_LAKE = "rejected rows are delivered from the event store, which needs --lake gs://BUCKET too"


def plan_dead_letters(endpoints: Endpoints, request: RedriveRequest, *, writes: bool) -> Plan:
    """Return the plan of the redrive; only provisioning is written, and only if `writes`.

    Raises:
        UserError: the run records cannot be read.
    """
    client, target = endpoints.bigquery, request.target
    RunRecords(client, target, request.lease_seconds).reach()
    if writes:
        provision_agreed(
            endpoints,
            target,
            run_id=request.run_id,
            window_seconds=request.job.window_seconds,
            key=_key(request),
        )
        finish_killed_runs(endpoints, target, _job_of(endpoints, request))
        add_undelivered_dead_letters(client, target)
    plan = plan_redrive(
        read_dead_letters(client, target, request.selection),
        request.rules,
        request.max_attempts,
        request.limit,
        accept_cloudevents=request.job.accept_cloudevents,
    )
    plan.leave_conflicts(read_contents(client, target, plan.event_ids()))
    return plan


def run_redrive(
    endpoints: Endpoints, request: RedriveRequest, plan: Plan, report: Callable[[str], None]
) -> RedriveResult:
    """Execute the plan and record the outcomes; `report` takes a line for each step.

    Raises:
        UserError: another run holds the range.
        RunFailed: the redrive failed; the live stores are as before.
    """
    client, target = endpoints.bigquery, request.target
    times = [redriven.message.publish_time for redriven in plan.sent]
    times += [dead_letter.publish_time for dead_letter in plan.rows if dead_letter.publish_time]
    times = times or [request.started]
    filters = {"rules": request.rules_path, "codes": list(request.selection.codes)}
    claim = Claim(
        request.run_id, Range(min(times), max(times) + 1), "backfill", "dead_letters", whoami(), pipeline_version(),
        filters, command="redrive", pii_key_version=request.job.pii_key_version,
    )  # fmt: skip
    run_records = claim_range(
        endpoints,
        target,
        claim,
        lease_seconds=request.lease_seconds,
        window_seconds=request.job.window_seconds,
        key=_key(request),
    )
    plan.keep(read_ids(client, target, request.selection))
    with run_records.held(claim, Store(target.project, endpoints.rest_url).client()):
        if request.topics_project is not None:
            return _publish(endpoints, request, plan, run_records, claim, report)
        return _run_graph(endpoints, request, plan, run_records, claim, report)


def _key(request: RedriveRequest) -> KeyOfRun | None:
    """Return the key that the store must have; None if messages are only published."""
    return KeyOfRun(request.job.pii_key_version) if request.topics_project is None else None


def _publish(
    endpoints: Endpoints,
    request: RedriveRequest,
    plan: Plan,
    run_records: RunRecords,
    claim: Claim,
    report: Callable[[str], None],
) -> RedriveResult:
    assert request.topics_project is not None
    publish([redriven.message for redriven in plan.sent], request.topics_project)
    rows = [sent_row(redriven, request.run_id, request.started) for redriven in plan.sent]
    sent = RedriveResult(request.run_id, len(plan.sent), 0, None, len(plan.given_up), len(plan.left), len(plan.rows))
    if plan.rows and request.target.lake:
        append_rows(endpoints.bigquery, request.target, rows)
        delivered = _run_graph(endpoints, request, replace(plan, sent=[]), run_records, claim, report)
        return replace(sent, delivered=delivered.delivered)
    for dead_letter in plan.rows:
        report(f"{dead_letter.dead_letter_id}: the row of {dead_letter.path} is not delivered: {NO_LAKE}")
    rows += [given_up_row(dead_letter, request.run_id, request.started) for dead_letter in plan.given_up]
    append_rows(endpoints.bigquery, request.target, rows)
    run_records.record_done(claim, {"messages": len(plan.sent)})
    return replace(sent, left=sent.left + len(plan.rows))


def _run_graph(
    endpoints: Endpoints,
    request: RedriveRequest,
    plan: Plan,
    run_records: RunRecords,
    claim: Claim,
    report: Callable[[str], None],
) -> RedriveResult:
    client, target, run_id, started = endpoints.bigquery, request.target, request.run_id, request.started
    job = _job_of(endpoints, request)
    engine = Engine(
        endpoints, target, run_records, claim, job,
        runner=request.runner, workers=request.workers, archives=True, report=report,
    )  # fmt: skip
    resolved, delivered = 0, list[StoredDeadLetter]()

    def record_outcomes(statements: Statements) -> str:
        nonlocal resolved, delivered
        again, valid = staged_dead_letters(client, statements.staged), staged_events(client, statements.staged)
        rows = [outcome_row(redriven, again, valid, run_id, started) for redriven in plan.sent]
        resolved = sum(row["outcome"] == "RESOLVED" for row in rows)
        delivered = delivered_rows(client, statements, plan.rows)
        rows += [delivered_row(dead_letter, run_id, started) for dead_letter in delivered]
        rows += [given_up_row(dead_letter, run_id, started) for dead_letter in plan.given_up]
        append_rows(client, statements.staged, rows)
        columns = ", ".join(column.name for column in REDRIVES.columns)
        return statements.render(f"INSERT INTO ${{L}}.redrives ({columns}) SELECT {columns} FROM ${{S}}.redrives")

    messages = [redriven.message for redriven in plan.sent]
    source = beam.Create(list(batches(messages)), reshuffle=False) if messages else None
    counts = engine.run(source, record_outcomes, _undelivered(plan))
    return RedriveResult(
        run_id,
        len(messages),
        resolved,
        counts["appended"],
        len(plan.given_up),
        len(plan.left),
        len(plan.rows),
        len(delivered),
    )


def _job_of(endpoints: Endpoints, request: RedriveRequest) -> JobConfig:
    return make_job(
        request.job,
        request.target,
        write_endpoint=endpoints.write_endpoint,
        run_id=request.run_id,
        started=request.started,
    )


def _undelivered(plan: Plan) -> Undelivered:
    ids = (
        ", ".join(string_literal(dead_letter.event_id) for dead_letter in plan.rows if dead_letter.path in TYPED)
        or "NULL"
    )
    hours, orders = hours_and_orders((dead_letter.path, dead_letter.payload) for dead_letter in plan.rows)
    messages = [message_of_row(dead_letter.payload) for dead_letter in plan.rows if dead_letter.path == EVENTS.name]
    return Undelivered(
        f"event_id IN ({ids})", hours, orders, tuple(message for message in messages if message), forced=True
    )
