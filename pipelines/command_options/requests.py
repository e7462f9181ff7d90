"""The requests that the parsed options of `replay` and `redrive` make; `stream` makes its own."""

import argparse
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.errors import UserError
from pipelines.job import make_run_id
from pipelines.options import job_options, parse_moment
from pipelines.replay.redrive.run import RedriveRequest
from pipelines.replay.redrive.stored import Selection
from pipelines.replay.request import ReplayRequest, check_version, make_filter
from pipelines.replay.time_range import make_range
from pipelines.stores.target import Target
from schemas.repair.apply import RulesError, load_rules
from schemas.repair.rules import Rules
from transforms.clock import wall_us


def replay_request(args: argparse.Namespace, pii_key: bytes | None) -> ReplayRequest:
    """Return the request of parsed options; UserError names the option that is wrong."""
    started = wall_us()
    start, end = (parse_moment(name, text) if text else None for name, text in (("from", args.start), ("to", args.end)))
    at = parse_moment("at", args.at) if args.at else started
    wanted = make_range(start, end, args.period, at, args.by)
    message_filter = make_filter(
        wanted,
        topics=args.topics,
        event_types=args.event_types,
        entity=args.entity,
        correlation_id=args.correlation_id,
        accept_cloudevents=args.accept_cloudevents,
    )
    return ReplayRequest(
        target=Target.from_args(args, needs_lake=True),
        mode=args.mode,
        source=args.source,
        message_filter=message_filter,
        job=job_options(args, pii_key),
        run_id=make_run_id(args.run_id, started),
        started=started,
        version=check_version(args.as_of_version),
        into=args.into,
        lease_seconds=args.lease_seconds,
        runner=args.runner,
        workers=args.direct_num_workers,
        skip_damaged=args.skip_damaged,
    )


def redrive_request(args: argparse.Namespace, rules: Rules | None, pii_key: bytes | None) -> RedriveRequest:
    """Return the request of parsed options; UserError names the option that is wrong."""
    started = wall_us()
    topics_project = (args.pubsub_project or args.project) if args.to_topics else None
    if args.to_topics and not topics_project:
        raise UserError("--to_topics: --pubsub_project P must name the project of the topics")
    return RedriveRequest(
        target=Target.from_args(args, needs_lake=not args.to_topics),
        selection=make_selection(args, ("open",)),
        job=job_options(args, pii_key),
        run_id=make_run_id(args.run_id, started),
        started=started,
        rules=rules,
        rules_path=args.rules,
        topics_project=topics_project,
        max_attempts=args.max_attempts,
        limit=args.limit,
        lease_seconds=args.lease_seconds,
        runner=args.runner,
        workers=args.direct_num_workers,
    )


def make_selection(args: argparse.Namespace, states: tuple[str, ...]) -> Selection:
    """Return the dead letters that --codes, --topics, --from and --to select, in these states."""
    start = parse_moment("from", args.start) if args.start else None
    end = parse_moment("to", args.end) if args.end else None
    if start is not None and end is not None and start >= end:
        raise UserError(f"--from {args.start} --to {args.end}: the range must end after it starts")
    return Selection(states, tuple(args.codes), tuple(args.topics), start, end)


def read_rules(option: str, path: str) -> Rules:
    """Return the rules of a file, here or on Cloud Storage; UserError if it is wrong or a rule fails its own test."""
    try:
        text = _read(path).decode("utf-8")
    except OSError as error:
        raise UserError(f"--{option} {path}: cannot be read ({error.strerror or type(error).__name__})") from None
    except UnicodeDecodeError:
        raise UserError(f"--{option} {path}: cannot be read (not UTF-8)") from None
    try:
        return load_rules(text)
    except RulesError as error:
        raise UserError(f"--{option} {path}: {error}") from None


def _read(path: str) -> bytes:
    if "://" not in path:
        return Path(path).read_bytes()
    with FileSystems.open(path) as file:
        content: bytes = file.read()
    return content
