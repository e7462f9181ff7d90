"""The command `validate`: validate messages as the pipeline does, before they are sent. For the CI of producers."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from pipelines.cli.arguments.validate import REPORTS
from pipelines.cli.fault_reports import RENDERED, Verdict
from pipelines.errors import UserError
from pipelines.inputs import STDIN, open_inputs
from pipelines.options import parse_moment
from pipelines.terminal_text import escape, escape_json
from schemas.decode.decoder import Decoder
from schemas.event import Event, not_a_message
from schemas.faults.all_faults import faults_of
from schemas.message import Message, NotAMessage
from schemas.outcomes import Code
from transforms.clock import wall_us
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_ranges import FileRange
from transforms.sources.read_files import read_numbered


def run(args: argparse.Namespace) -> int:
    """Print the report and the counts; return 1 if there is a dead letter."""
    as_of = parse_moment("as_of", args.as_of) if args.as_of else wall_us()
    for path in args.file:
        _check_file(path)
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()

    def counted() -> Iterator[Verdict]:
        for path in args.file:
            for verdict in _verdicts(path, as_of, args):
                counts[verdict.outcome] += 1
                codes.update([verdict.code] if verdict.code else [])
                if verdict.code or not args.quiet:
                    yield verdict

    for line in RENDERED[args.report](counted()):
        print(_escaped(line, args.report))
    if args.report == REPORTS[0]:
        outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("valid", "duplicate", "dead letter"))
        print(f"{counts.total()} received: {outcomes}")
        if codes:
            code, _ = codes.most_common(1)[0]
            print(
                f"most are {code}: `event-pipelines explain {code}` explains the code and how to fix the producer, "
                "`event-pipelines schema EVENT_TYPE` prints the schema of an event"
                + ("" if args.all else ", `validate --all` shows all faults of each message"),
                file=sys.stderr,
            )
    return 1 if counts["dead letter"] else 0


def _escaped(text: str, report: str) -> str:
    """Return a report's text without what a terminal acts on; its own line ends stay."""
    change = escape_json if report in ("json", "sarif") else escape
    return "\n".join(map(change, text.split("\n")))


def _verdicts(path: str, as_of: int, args: argparse.Namespace) -> Iterator[Verdict]:
    """Yield the verdicts on the messages of one file; they name it where it is one of several, or the report needs it."""
    named = len(args.file) > 1 or args.report not in ("text", "json")
    decoder = Decoder(accept_cloudevents=args.accept_cloudevents)
    with open_inputs([path], args.format, option="FILE", range_bytes=sys.maxsize) as [part]:
        if args.topic:
            part = replace(part, topic=args.topic)
        try:
            for verdict in validate(read_messages(part, as_of, own_topic=not args.topic), decoder, all_faults=args.all):
                yield msgspec.structs.replace(verdict, file=path) if named else verdict
        except DamagedInput as error:
            raise UserError(f"FILE {error}") from None


def _check_file(path: str) -> None:
    if path != STDIN and "://" not in path and (Path(path).is_dir() or not Path(path).exists()):
        reason = "is a folder" if Path(path).is_dir() else "No such file or directory"
        raise UserError(f"FILE {path}: cannot be read ({reason})")


def validate(
    messages: Iterable[tuple[int, Message | NotAMessage]], decoder: Decoder, *, all_faults: bool = False
) -> Iterator[Verdict]:
    """Yield the verdict on each numbered message; an eventId seen before is a duplicate or a conflict.

    Args:
        all_faults: list all faults of a dead letter; the code stays that of the first.
    """
    seen: dict[str, bytes] = {}
    for line, message in messages:
        outcome = not_a_message(message) if isinstance(message, NotAMessage) else decoder.decode(message)
        if not isinstance(outcome, Event):
            searched = all_faults and isinstance(message, Message)
            faults = tuple(faults_of(message, decoder, outcome)) if searched else ()  # type: ignore[arg-type]
            yield Verdict(line, "dead letter", outcome.code, outcome.path, outcome.error_message, faults=faults)
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
