"""The command `validate`: validate messages as the pipeline does, before they are sent. For the CI of producers."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from pipelines.errors import UserError
from pipelines.inputs import STDIN, open_inputs
from pipelines.options import parse_moment
from schemas.decode.decoder import Decoder
from schemas.event import Event, not_a_message
from schemas.message import Message, NotAMessage
from schemas.outcomes import Code
from transforms.clock import wall_us
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_ranges import FileRange
from transforms.sources.read_files import read_numbered


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of the message on a line: `valid`, `duplicate` or `dead letter`, and why. It quotes no value."""

    line: int
    outcome: str
    code: str = ""
    path: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.line}: {self.outcome}", self.code, self.path, ", ".join(self.notes)]
        return " ".join(part for part in parts if part) + (f" ({self.reason})" if self.reason else "")


def run(args: argparse.Namespace) -> int:
    """Print a verdict per message and the counts; return 1 if there is a dead letter."""
    as_of = parse_moment("as_of", args.as_of) if args.as_of else wall_us()
    _check_file(args.file)
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    with open_inputs([args.file], args.format, option="FILE", range_bytes=sys.maxsize) as [part]:
        if args.topic:
            part = replace(part, topic=args.topic)
        messages = read_messages(part, as_of, own_topic=not args.topic)
        try:
            for verdict in validate(messages, Decoder(accept_cloudevents=args.accept_cloudevents)):
                counts[verdict.outcome] += 1
                codes.update([verdict.code] if verdict.code else [])
                if verdict.code or not args.quiet:
                    print(msgspec.json.encode(verdict).decode() if args.json else verdict)
        except DamagedInput as error:
            raise UserError(f"FILE {error}") from None
    if not args.json:
        outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("valid", "duplicate", "dead letter"))
        print(f"{counts.total()} received: {outcomes}")
        if codes:
            code, _ = codes.most_common(1)[0]
            print(
                f"most are {code}: `event-pipelines explain {code}` explains the code and how to fix the producer, "
                "`event-pipelines schema EVENT_TYPE` prints the schema of an event",
                file=sys.stderr,
            )
    return 1 if counts["dead letter"] else 0


def _check_file(path: str) -> None:
    if path != STDIN and "://" not in path and (Path(path).is_dir() or not Path(path).exists()):
        reason = "is a folder" if Path(path).is_dir() else "No such file or directory"
        raise UserError(f"FILE {path}: cannot be read ({reason})")


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
            reason = "an earlier event with this eventId has other content"
            yield Verdict(line, "dead letter", Code.EVENT_ID_CONFLICT.value, "eventId", reason)


def read_messages(
    part: FileRange, as_of: int, *, own_topic: bool = True
) -> Iterator[tuple[int, Message | NotAMessage]]:
    """Yield each message of a file with the number of the line or record where it begins."""
    for number, messages in read_numbered(part, as_of, own_topic=own_topic):
        for message in messages:
            yield number, message
