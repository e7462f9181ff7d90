"""The options of `replay` and `redrive`, as parsed, and the requests that they make."""

from dataclasses import dataclass
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.command_options.job_options import StepOptions, job_options
from pipelines.command_options.target_options import TargetOptions, make_target
from pipelines.errors import UserError
from pipelines.job import make_run_id
from pipelines.options import parse_moment
from pipelines.replay.redrive.request import RedriveRequest
from pipelines.replay.redrive.stored import Selection
from pipelines.replay.request import ReplayRequest, check_version, make_filter
from pipelines.replay.time_range import make_range
from schemas.repair.apply import RulesError, load_rules
from schemas.repair.rules import Rules
from transforms.clock import wall_us


@dataclass(frozen=True, kw_only=True)
class RunOptions(TargetOptions, StepOptions):
    """The options that `replay` and `redrive` share, as parsed."""

    run_id: str | None
    lease_seconds: int
    runner: str
    direct_num_workers: int
    start: str | None
    end: str | None
    topics: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(RunOptions):
    """The options of `replay`, as parsed."""

    source: str
    mode: str
    period: str | None
    at: str | None
    by: str
    event_types: tuple[str, ...]
    entity: str | None
    correlation_id: str | None
    into: str | None
    skip_damaged: bool
    as_of_version: str | None


@dataclass(frozen=True, kw_only=True)
class SelectionOptions:
    """The options that select dead letters, as parsed."""

    codes: tuple[str, ...]
    topics: tuple[str, ...]
    start: str | None
    end: str | None


@dataclass(frozen=True, kw_only=True)
class RedriveOptions(SelectionOptions, RunOptions):
    """The options of `redrive`, as parsed."""

    topics: tuple[str, ...]
    start: str | None
    end: str | None
    rules: str | None
    to_topics: bool
    pubsub_project: str | None
    max_attempts: int
    limit: int


def replay_request(options: ReplayOptions, pii_key: bytes | None) -> ReplayRequest:
    """Return the request; UserError names the option that is wrong."""
    started = wall_us()
    start, end = (
        parse_moment(name, text) if text else None for name, text in (("from", options.start), ("to", options.end))
    )
    at = parse_moment("at", options.at) if options.at else started
    wanted = make_range(start, end, options.period, at, options.by)
    message_filter = make_filter(
        wanted,
        topics=options.topics,
        event_types=options.event_types,
        entity=options.entity,
        correlation_id=options.correlation_id,
        accept_cloudevents=options.accept_cloudevents,
    )
    return ReplayRequest(
        target=make_target(options, needs_lake=True),
        mode=options.mode,
        source=options.source,
        message_filter=message_filter,
        job=job_options(options, pii_key),
        run_id=make_run_id(options.run_id, started),
        started=started,
        version=check_version(options.as_of_version),
        into=options.into,
        lease_seconds=options.lease_seconds,
        runner=options.runner,
        workers=options.direct_num_workers,
        skip_damaged=options.skip_damaged,
    )


def redrive_request(options: RedriveOptions, rules: Rules | None, pii_key: bytes | None) -> RedriveRequest:
    """Return the request; UserError names the option that is wrong."""
    started = wall_us()
    topics_project = (options.pubsub_project or options.project) if options.to_topics else None
    if options.to_topics and not topics_project:
        raise UserError("--to_topics: --pubsub_project P must name the project of the topics")
    return RedriveRequest(
        target=make_target(options, needs_lake=not options.to_topics),
        selection=make_selection(options, ("open",)),
        job=job_options(options, pii_key),
        run_id=make_run_id(options.run_id, started),
        started=started,
        rules=rules,
        rules_path=options.rules,
        topics_project=topics_project,
        max_attempts=options.max_attempts,
        limit=options.limit,
        lease_seconds=options.lease_seconds,
        runner=options.runner,
        workers=options.direct_num_workers,
    )


def make_selection(options: SelectionOptions, states: tuple[str, ...]) -> Selection:
    """Return the dead letters that --codes, --topics, --from and --to select, in these states."""
    start = parse_moment("from", options.start) if options.start else None
    end = parse_moment("to", options.end) if options.end else None
    if start is not None and end is not None and start >= end:
        raise UserError(f"--from {options.start} --to {options.end}: the range must end after it starts")
    return Selection(states, options.codes, options.topics, start, end)


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
