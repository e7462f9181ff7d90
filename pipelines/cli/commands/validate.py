"""The command `validate`: what the pipeline would say of messages, before they are sent. Made for producers' CI."""

import argparse
import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, cast

import msgspec

from pipelines.errors import UserError
from pipelines.options import parse_moment
from schemas.decode.decoder import Decoder
from schemas.event import Event, not_a_message
from schemas.message import TOPICS, UNKNOWN_TOPIC, Message, NotAMessage, parse_line
from schemas.outcomes import Code
from schemas.registry import REGISTRY
from transforms.clock import wall_us

HELP = "check messages against the contract before they are sent; exit code 1 where one would be a dead letter"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes of the message on a line: `valid`, `duplicate` or `dead letter`, and why. It quotes no value."""

    line: int
    outcome: str
    code: str = ""
    path: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.line}: {self.outcome}", self.code, self.path, ", ".join(self.notes)]
        return " ".join(part for part in parts if part) + (f" ({self.reason})" if self.reason else "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="message lines, plain events (one a line) or one event over several lines; also gzip (.gz); - for stdin",
    )
    parser.add_argument("--topic", choices=TOPICS, help="topic of plain events (default: that of their eventType)")
    parser.add_argument("--as_of", metavar="T", help="publish time of plain events, RFC 3339 (default: now)")
    parser.add_argument("--accept_cloudevents", action="store_true", help="also take CloudEvents 1.0")
    parser.add_argument("--json", action="store_true", help="print one JSON object a message")
    parser.add_argument("--quiet", action="store_true", help="print dead letters only")


def run(args: argparse.Namespace) -> int:
    """Print a verdict a message and the counts; return 1 where there is a dead letter."""
    as_of = parse_moment("as_of", args.as_of) if args.as_of else wall_us()
    counts: Counter[str] = Counter()
    try:
        with _open(args.file) as file:
            messages = read_messages(file, args.topic, as_of)
            for verdict in validate(messages, Decoder(accept_cloudevents=args.accept_cloudevents)):
                counts[verdict.outcome] += 1
                if verdict.code or not args.quiet:
                    print(msgspec.json.encode(verdict).decode() if args.json else verdict)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"FILE {args.file}: the gzip file is truncated or damaged") from None
    if not counts:
        raise UserError(f"FILE {args.file}: nothing in it")
    if not args.json:
        said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("valid", "duplicate", "dead letter"))
        print(f"{counts.total()} received: {said}")
    return 1 if counts["dead letter"] else 0


def validate(messages: Iterable[tuple[int, Message | NotAMessage]], decoder: Decoder) -> Iterator[Verdict]:
    """Yield the verdict on each numbered message; an eventId seen before is a duplicate or a conflict."""
    seen: dict[str, bytes] = {}
    for line, message in messages:
        outcome = not_a_message(message) if isinstance(message, NotAMessage) else decoder.decode(message)
        if not isinstance(outcome, Event):
            yield Verdict(line, "dead letter", outcome.code, outcome.path, outcome.error_message)
            continue
        earlier = seen.setdefault(outcome.event_id, outcome.content)
        if earlier is outcome.content:
            yield Verdict(line, "valid", notes=outcome.notes)
        elif earlier == outcome.content:
            yield Verdict(line, "duplicate", notes=outcome.notes)
        else:
            reason = "an earlier event with this eventId says something else"
            yield Verdict(line, "dead letter", Code.EVENT_ID_CONFLICT.value, "eventId", reason)


def read_messages(file: BinaryIO, topic: str | None, as_of: int) -> Iterator[tuple[int, Message | NotAMessage]]:
    """Yield each message with the number of its line; plain events are wrapped, blank lines passed over."""
    head = file.readline()
    if not head.rstrip().endswith(b"}"):  # cut off, or an event that goes on over several lines
        lines = [head, *file]
        if not any(map(_is_item, lines)):
            whole = b"".join(lines)
            if whole.strip():
                yield 1, _message(1, whole, topic, as_of)
            return
        rest: Iterable[bytes] = lines[1:]
    else:
        rest = file
    for number, line in enumerate(chain([head], rest), 1):
        if line.strip():
            yield number, _message(number, line.rstrip(b"\r\n"), topic, as_of)


def _message(number: int, text: bytes, topic: str | None, as_of: int) -> Message | NotAMessage:
    event = _parse(text)
    if "messageId" in event or ("publishTime" in event and "eventId" not in event):
        return parse_line(text, topic or UNKNOWN_TOPIC)
    name = event.get("eventType", event.get("type"))
    own_topic = REGISTRY.topic_of(name) if isinstance(name, str) else None
    return Message(topic or own_topic or UNKNOWN_TOPIC, str(number), as_of, {}, text)


def _is_item(line: bytes) -> bool:
    return not {"eventId", "messageId", "specversion"}.isdisjoint(_parse(line))


def _parse(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _open(path: str) -> BinaryIO:
    try:
        if path == "-":
            if sys.stdin.buffer.isatty():
                print("reading standard input; Ctrl-D ends it", file=sys.stderr)
            return sys.stdin.buffer
        return cast(BinaryIO, gzip.open(path)) if path.endswith(".gz") else open(path, "rb")
    except OSError as error:
        raise UserError(f"FILE {path}: cannot be read ({error.strerror})") from None
