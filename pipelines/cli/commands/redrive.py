"""The command `redrive`: dead letters repaired by rules and sent again, through the job's graph or to the topics."""

import argparse
import sys
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import apache_beam as beam
from google.cloud import bigquery, pubsub_v1

from pipelines.cli.commands.replay import tell
from pipelines.errors import RunFailed, UserError
from pipelines.job import make_job, run_id_of, whoami
from pipelines.options import add_job_arguments, add_run_id, parse_moment, positive, read_key
from pipelines.replay.dead_letters import DEAD_LETTER_ATTRIBUTE, Selection, read_contents, read_ids, read_letters
from pipelines.replay.engine import Engine, drop_staging
from pipelines.replay.ledger import Claim, RunLedger
from pipelines.replay.merge_statements import Statements
from pipelines.replay.redrive_plan import Mended, Plan, plan_redrive
from pipelines.replay.time_range import Range
from pipelines.runners.direct import RUNNERS
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target, add_target_arguments
from pipelines.version import pipeline_version
from schemas.message import TOPICS, Message
from schemas.repair.apply import RulesError, load_rules, mask
from schemas.repair.rules import Rules
from schemas.tables.definitions import REDRIVES
from schemas.timestamps import to_rfc3339
from transforms.clock import wall_us
from transforms.sources.read_event_store import Store
from transforms.sources.read_files import batches

HELP = "Repair dead letters by rules and send them again; nothing is waved through."
PUBLISH_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--codes", nargs="+", default=[], metavar="CODE", help="only these codes")
    parser.add_argument("--from", dest="start", metavar="T", help="only messages published from here on")
    parser.add_argument("--to", dest="end", metavar="T", help="only messages published before")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument(
        "--rules", metavar="FILE", help="YAML rules (default: send as they are, after a change of code)"
    )
    parser.add_argument("--check", metavar="FILE", help="run the tests of a file of rules and stop")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--direct", action="store_true", help="through the main job's graph, into the stores (the default)"
    )
    how.add_argument("--to_topics", action="store_true", help="publish to the Pub/Sub topics <topic>-topic")
    parser.add_argument("--pubsub_project", metavar="P", help="project of the topics (default: --project)")
    parser.add_argument("--dry_run", action="store_true", help="print counts by rule and masked examples, and stop")
    parser.add_argument("--max_attempts", type=positive, default=3, help="redrives of a message before it is given up")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="send or give up at most N; 0: all")
    add_run_id(parser)
    parser.add_argument(
        "--lease_seconds", type=positive, default=600, help="how long a dead run holds its range, seconds"
    )
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--direct_num_workers", type=positive, default=1, help="worker processes")
    add_job_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Redrive, and print what became of it."""
    if args.check is not None:
        checked = read_rules("check", args.check)
        print(f"{args.check}: {len(checked.rules)} rules, {sum(len(r.tests) for r in checked.rules)} tests pass")
        return 0
    started, key = wall_us(), read_key(args.pii_key_file)
    rules = read_rules("rules", args.rules) if args.rules else None
    if args.limit < 0:
        raise UserError(f"--limit {args.limit}: must be 0 (all) or more")
    selection = Selection(
        ("open",), tuple(args.codes), tuple(args.topics),
        parse_moment("from", args.start) if args.start else None,
        parse_moment("to", args.end) if args.end else None,
    )  # fmt: skip
    if selection.start is not None and selection.end is not None and selection.start >= selection.end:
        raise UserError(f"--from {args.start} --to {args.end}: the range must end after it starts")
    target = Target.from_args(args, needs_lake=not args.to_topics)
    project = args.pubsub_project or args.project
    if args.to_topics and not project:
        raise UserError("--to_topics: --pubsub_project P must say where the topics are")
    with lock_folder(None if args.dry_run else target.directory, "redrive"), target.open() as endpoints:
        ledger = RunLedger(endpoints.bigquery, target, args.lease_seconds)
        ledger.reach()
        if not args.dry_run:
            provision(endpoints, target, window_seconds=args.window_seconds)
        letters = read_letters(endpoints.bigquery, target, selection)
        plan = plan_redrive(letters, rules, args.max_attempts, args.limit, accept_cloudevents=args.accept_cloudevents)
        plan.leave_conflicts(read_contents(endpoints.bigquery, target, plan.event_ids()))
        show(plan, examples=args.dry_run)
        if args.dry_run or not (plan.sent or plan.given_up):
            return 0
        run_id = run_id_of(args, started)
        times = [one.message.publish_time for one in plan.sent] or [started]
        claim = Claim(
            run_id, Range(min(times), max(times) + 1), "backfill", "dead_letters", whoami(), pipeline_version(),
            {"rules": args.rules, "codes": args.codes}, command="redrive",
        )  # fmt: skip
        for dead in ledger.claim(claim):
            drop_staging(endpoints, target, dead)
        plan.keep(read_ids(endpoints.bigquery, target, selection))
        store = Store(target.project, endpoints.rest_url)
        with ledger.held(claim, store.client()):
            if args.to_topics:
                publish([one.message for one in plan.sent], project)
                rows = [fact(one, run_id, started, "SENT") for one in plan.sent]
                _append(endpoints.bigquery, target, rows + _given_up(plan, run_id, started))
                endpoints.bigquery.query(ledger.row(claim, "DONE", counts={"messages": len(rows)})).result()
                print(f"{run_id}: sent {len(rows):,}, given up {len(plan.given_up):,}, left open {len(plan.left):,}")
                return 0
            job = make_job(args, target, endpoints.write_endpoint, run_id, started, key)
            engine = Engine(
                endpoints, target, ledger, claim, job, args.runner, args.direct_num_workers, archives=True, tell=tell
            )
            told: dict[str, int] = {}

            def facts(statements: Statements) -> str:
                client, staged = endpoints.bigquery, statements.staged
                again, valid = _dead_again(client, staged), _valid(client, staged)
                rows = [_outcome(one, again, valid, run_id, started) for one in plan.sent]
                told["resolved"] = sum(row["outcome"] == "RESOLVED" for row in rows)
                _append(endpoints.bigquery, statements.staged, rows + _given_up(plan, run_id, started))
                columns = ", ".join(column.name for column in REDRIVES.columns)
                return statements.render(
                    f"INSERT INTO ${{L}}.redrives ({columns}) SELECT {columns} FROM ${{S}}.redrives"
                )

            counts = engine.run(beam.Create(list(batches([one.message for one in plan.sent])), reshuffle=False), facts)
    failed = len(plan.sent) - told["resolved"]
    print(
        f"{run_id}: resolved {told['resolved']:,} (new events {counts['appended']:,}), failed again {failed:,},"
        f" given up {len(plan.given_up):,}, left open {len(plan.left):,}"
    )
    return 0


def read_rules(option: str, path: str) -> Rules:
    """Return the rules of a file; UserError where it does not parse or a rule fails its own test."""
    try:
        return load_rules(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--{option} {path}: cannot be read ({getattr(error, 'strerror', 'not UTF-8')})") from None
    except RulesError as error:
        raise UserError(f"--{option} {path}: {error}") from None


def show(plan: Plan, *, examples: bool) -> None:
    """Print counts by rule and, for a dry run, one masked example of each."""
    for rule, sent, valid in plan.by_rule():
        print(f"{rule}: {sent:,} to send, {valid:,} of them valid now")
        if examples:
            one = next(one for one in plan.sent if (one.rule or "") == rule or one.rule is None)
            print(f"  before {mask(one.letter.payload)}\n  after  {mask(one.message.data)}")
    for reason, count in plan.left_by_reason():
        print(f"left open, {reason}: {count:,}")
    if plan.given_up:
        print(f"to give up: {len(plan.given_up):,}")
    if not (plan.sent or plan.left or plan.given_up):
        print("no open dead letters in this selection")


def publish(messages: list[Message], project: str) -> None:
    """Publish messages to their topics; RunFailed where one is not taken in time (none is recorded as sent then)."""
    client = pubsub_v1.PublisherClient()
    futures = [
        client.publish(client.topic_path(project, f"{message.topic}-topic"), message.data, **message.attributes)
        for message in messages
    ]
    done, late = wait(futures, timeout=PUBLISH_SECONDS)
    failed = len(late) + sum(future.exception() is not None for future in done)
    if failed:
        print(f"{failed:,} of {len(futures):,} messages were not published", file=sys.stderr)
        raise RunFailed("not every message was published; run again: an event that came twice is a duplicate")


def fact(
    one: Mended, run_id: str, started: int, outcome: str, next_id: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return a row of redrives."""
    return {
        "dead_letter_id": one.letter.dead_letter_id,
        "message_id": one.letter.message_id,
        "redriven_time": to_rfc3339(started),
        "attempt": one.letter.attempt,
        "rule": one.rule,
        "outcome": outcome,
        "event_id": one.event_id,
        "next_dead_letter_id": next_id,
        "error_code": code,
        "run_id": run_id,
    }


def _outcome(
    one: Mended, again: dict[str, tuple[str, str]], valid: set[str], run_id: str, started: int
) -> dict[str, Any]:
    """Return what became of a message: what is neither an event nor dead again was refused by a sink."""
    if one.letter.dead_letter_id in again or one.event_id not in valid:
        return fact(one, run_id, started, "FAILED", *again.get(one.letter.dead_letter_id, (None, None)))
    return fact(one, run_id, started, "RESOLVED")


def _given_up(plan: Plan, run_id: str, started: int) -> list[dict[str, Any]]:
    gone = [Mended(letter, None, letter.message(letter.payload), None, letter.code) for letter in plan.given_up]
    return [fact(one, run_id, started, "GIVEN_UP", None, one.code) for one in gone]


def _dead_again(client: bigquery.Client, staged: Target) -> dict[str, tuple[str, str]]:
    """Return, by the dead letter that a message was, the dead letter that it is again and its code."""
    sql = f"""SELECT dead_letter_id, error_code, JSON_VALUE(attributes, '$."{DEAD_LETTER_ATTRIBUTE}"') AS was
FROM `{staged.table("event_store", "dead_letters")}`"""
    return {row.was: (row.dead_letter_id, row.error_code) for row in client.query(sql).result()}


def _valid(client: bigquery.Client, staged: Target) -> set[str]:
    """Return the ids of the events that were staged."""
    return {
        row.event_id for row in client.query(f"SELECT event_id FROM `{staged.table('event_store', 'events')}`").result()
    }


def _append(client: bigquery.Client, target: Target, rows: list[dict[str, Any]]) -> None:
    if rows:
        schema = [bigquery.SchemaField.from_api_repr(field) for field in REDRIVES.bigquery_fields()]
        config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_APPEND")
        client.load_table_from_json(rows, target.table("event_store", REDRIVES.name), job_config=config).result()
