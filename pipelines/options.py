"""Options that several commands share: their names, units, defaults and the errors of their values."""

import argparse
import re
from pathlib import Path

from pipelines.errors import UserError
from schemas.pseudonymize import MIN_KEY_BYTES
from schemas.read_model.address import AddressError, ReadModelAddress, parse_address
from schemas.saga.alert_events import TOPIC
from schemas.timestamps import TimeFormatError, TimeRangeError, parse_rfc3339

_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def positive(text: str) -> int:
    """Parse a whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return value


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def window(text: str) -> int:
    """Parse a window's length in seconds: it must divide an hour, because the feeds' files are by hour."""
    value = positive(text)
    if 3600 % value:
        raise argparse.ArgumentTypeError(f"{text} does not divide an hour (3600)")
    return value


def not_negative(text: str) -> float:
    """Parse a number from 0."""
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0")
    return value


def topic(text: str) -> str:
    """Take the full name of a Pub/Sub topic."""
    if not TOPIC.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not projects/P/topics/T")
    return text


def run_name(text: str) -> str:
    """Take the name of a run: it becomes part of names of files and datasets."""
    if not _RUN_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not of letters, digits, '-', '_' and '.', at most 100")
    return text


def parse_moment(option: str, text: str) -> int:
    """Return UTC microseconds of a time option; raise UserError naming it."""
    try:
        return parse_rfc3339(text)[0]
    except (TimeFormatError, TimeRangeError):
        raise UserError(f"--{option} {text}: not a time like 2026-06-15T12:00:00Z") from None


def read_key(path: str | None) -> bytes | None:
    """Return the key for personal data; raise UserError if the file is missing or too short."""
    if path is None:
        return None
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise UserError(f"--pii_key_file {path}: cannot be read ({error.strerror})") from None
    if len(key) < MIN_KEY_BYTES:
        raise UserError(f"--pii_key_file {path}: the key has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed")
    return key


def add_run_id(parser: argparse.ArgumentParser) -> None:
    """Add the name of a run; the run records take each name once."""
    parser.add_argument("--run_id", type=run_name, help="name of the run (default: its start and six random digits)")


def add_job_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the pipeline's steps."""
    group = parser.add_argument_group("the job")
    group.add_argument(
        "--window_seconds",
        type=window,
        default=60,
        help="width of the windows of counts, features and metrics, seconds",
    )
    group.add_argument(
        "--allowed_lateness_seconds",
        type=positive,
        default=86_400,
        help="an event later than this after its window counts as late, seconds",
    )
    group.add_argument("--accept_cloudevents", action="store_true", help="accept CloudEvents 1.0 too")
    group.add_argument(
        "--pii_key_file", help="file with the key under which analytics holds names, e-mails and phones as HMAC-SHA256"
    )
    group.add_argument(
        "--sink_retry_budget",
        type=not_negative,
        default=600.0,
        help="retry failed BigQuery writes for this many seconds, then write the rows as dead letters",
    )
    group.add_argument(
        "--allow_undelivered",
        action="store_true",
        help="succeed although tables rejected rows (default: fail with exit code 1)",
    )
    group.add_argument(
        "--bigquery_method",
        choices=("STORAGE_WRITE", "STREAMING_INSERTS", "FILE_LOADS"),
        default="STORAGE_WRITE",
        help="how rows reach BigQuery; the last two are Beam's own",
    )
    group.add_argument(
        "--dead_letters_compression",
        choices=("none", "gzip"),
        default="none",
        help="compression of the dead letters' files (default: %(default)s)",
    )
    group.add_argument(
        "--saga_timeout_minutes",
        type=positive,
        default=30,
        help="raise SAGA_STUCK for an order without a next step for this many minutes of event time",
    )
    group.add_argument(
        "--saga_alerts_topic",
        type=topic,
        metavar="projects/P/topics/T",
        help="publish saga alerts and requested compensations to this topic (default: not published)",
    )


def read_model_address(text: str) -> ReadModelAddress:
    """Parse the address of a read model; the error quotes no password."""
    try:
        return parse_address(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_read_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add the address of the keyed read model."""
    parser.add_argument(
        "--read_model",
        type=read_model_address,
        metavar="URL",
        help="write the keyed read model too: postgresql://USER@HOST/DATABASE or sqlite:///FILE (default: not written)",
    )


def add_saga_retention(parser: argparse.ArgumentParser) -> None:
    """Add the option of streaming runs alone: how long the saga of a closed order is kept."""
    parser.add_argument(
        "--saga_retention_days",
        type=positive_number,
        default=30,
        help="keep the saga of a closed order for this many days of event time; a later event needs a replay",
    )
