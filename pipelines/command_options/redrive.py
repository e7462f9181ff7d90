"""The options of `redrive` and of the redrive template, and the request that is made of them."""

import argparse
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.command_options.replay import add_run_arguments
from pipelines.errors import UserError
from pipelines.job import make_run_id
from pipelines.options import add_job_arguments, job_options, parse_moment, positive
from pipelines.replay.redrive.run import RedriveRequest
from pipelines.replay.redrive.stored import Selection
from pipelines.stores.target import Target, add_target_arguments
from schemas.message import TOPICS
from schemas.repair.apply import RulesError, load_rules
from schemas.repair.rules import Rules
from transforms.clock import wall_us


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `redrive`."""
    add_target_arguments(parser)
    parser.add_argument("--codes", nargs="+", default=[], metavar="CODE", help="only these codes")
    parser.add_argument("--from", dest="start", metavar="T", help="only messages published at or after T, RFC 3339")
    parser.add_argument("--to", dest="end", metavar="T", help="only messages published before T, RFC 3339")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument(
        "--rules", metavar="FILE", help="YAML rules that repair messages (default: send them unchanged)"
    )
    parser.add_argument("--check", metavar="FILE", help="run the tests of a rules file and stop")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--direct", action="store_true", help="send through the batch pipeline into the stores (the default)"
    )
    how.add_argument("--to_topics", action="store_true", help="publish to the Pub/Sub topics <topic>-topic")
    parser.add_argument("--pubsub_project", metavar="P", help="project of the topics (default: --project)")
    parser.add_argument(
        "--dry_run", action="store_true", help="print counts by rule and masked examples, and stop; nothing is written"
    )
    parser.add_argument(
        "--max_attempts", type=positive, default=3, help="give up a message that has been redriven more often than this"
    )
    parser.add_argument(
        "--limit", type=int, default=0, metavar="N", help="send or give up at most N dead letters; 0: all"
    )
    add_run_arguments(parser)
    add_job_arguments(parser)


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
