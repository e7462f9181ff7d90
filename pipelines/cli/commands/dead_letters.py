"""The command `dead-letters`: what was refused, where it stands, and one of them whole."""

import argparse
import json
import sys

from google.api_core.exceptions import NotFound

from pipelines.cli.output_formats import FORMATS, write_rows
from pipelines.errors import RunFailed, UserError
from pipelines.options import parse_moment
from pipelines.replay.redrive.failure_history import history_of
from pipelines.replay.redrive.letters import STATES, Selection
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Endpoints, Target, add_target_arguments
from schemas.message import TOPICS
from schemas.repair.apply import mask
from schemas.timestamps import from_datetime, to_rfc3339

HELP = "List dead letters and where they stand, or show one: `dead-letters show ID`."
GROUPS = {
    "code": "error_code",
    "path": "path",
    "topic": "topic",
    "stage": "stage",
    "event_type": "event_type",
    "state": "state",
}
LISTED = ("dead_letter_id", "state", "failed_time", "topic", "error_code", "path", "event_type", "attempt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("show", nargs="*", metavar="show ID", help="show one dead letter and its redrives")
    add_target_arguments(parser)
    parser.add_argument("--codes", nargs="+", default=[], metavar="CODE", help="only these codes")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument(
        "--states", nargs="+", choices=STATES, default=[], metavar="STATE", help=f"only {', '.join(STATES)}"
    )
    parser.add_argument("--from", dest="start", metavar="T", help="only messages published from here on")
    parser.add_argument("--to", dest="end", metavar="T", help="only messages published before")
    parser.add_argument("--group_by", metavar="A,B", help=f"count by {', '.join(GROUPS)}")
    parser.add_argument("--show_payload", action="store_true", help="with show: the payload in clear (personal data)")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="print at most N rows; 0: all")
    parser.add_argument("--format", choices=FORMATS, default="table", help="table, json (an object a line) or csv")


def run(args: argparse.Namespace) -> int:
    """Print dead letters."""
    target = Target.from_args(args)
    if args.limit < 0:
        raise UserError(f"--limit {args.limit}: must be 0 (all) or more")
    if args.show and (len(args.show) != 2 or args.show[0] != "show"):
        raise UserError(f"{' '.join(args.show)}: say `show ID`, or nothing for the list")
    selection = Selection(
        tuple(args.states), tuple(args.codes), tuple(args.topics),
        parse_moment("from", args.start) if args.start else None,
        parse_moment("to", args.end) if args.end else None,
    )  # fmt: skip
    sql = listing(target, selection, args.group_by)
    with target.open() as endpoints:
        try:
            if args.show:
                return show(endpoints, target, args.show[1], show_payload=args.show_payload)
            result = endpoints.bigquery.query(sql).result()
            columns = [field.name for field in result.schema]
            printed, more = write_rows(args.format, columns, (row.values() for row in result), args.limit, sys.stdout)
        except NotFound as error:
            raise RunFailed(
                f"the store has no view dead_letter_states; `provision` makes it ({error.message})"
            ) from None
    if more:
        print(f"the first {printed} rows; --limit 0 prints all", file=sys.stderr)
    return 0


def listing(target: Target, selection: Selection, group_by: str | None) -> str:
    """Return the query of the list, or of the counts; UserError for a group that there is not."""
    source = f"`{target.table('event_store', 'dead_letter_states')}` WHERE {selection.where()}"
    if group_by is None:
        return f"SELECT {', '.join(LISTED)} FROM {source} ORDER BY failed_time, dead_letter_id"
    names = [name.strip() for name in group_by.split(",")]
    for name in names:
        if name not in GROUPS:
            raise UserError(f"--group_by {name}: must be of {', '.join(GROUPS)}")
    columns = ", ".join(GROUPS[name] for name in names)
    return f"SELECT {columns}, COUNT(*) AS dead_letters FROM {source} GROUP BY {columns} ORDER BY dead_letters DESC, {columns}"


def show(endpoints: Endpoints, target: Target, name: str, *, show_payload: bool) -> int:
    """Print one dead letter and the whole history of its message; UserError where there is none of this id."""
    client = endpoints.bigquery
    states = f"`{target.table('event_store', 'dead_letter_states')}`"
    rows = list(client.query(f"SELECT * FROM {states} WHERE dead_letter_id = {string_literal(name)}").result())
    if not rows:
        raise UserError(f"show {name}: there is no dead letter of this id")
    letters = f"`{target.table('event_store', 'dead_letters')}`"
    [letter] = client.query(
        "SELECT error_message, payload, payload_size, payload_sha256, pipeline_version, TO_JSON_STRING(attributes) AS"
        f" attributes FROM {letters} WHERE dead_letter_id = {string_literal(name)} ORDER BY ingest_time LIMIT 1"
    ).result()
    told = {
        **dict(rows[0].items()),
        **{key: letter[key] for key in ("error_message", "payload_size", "payload_sha256", "pipeline_version")},
    }
    for key, value in told.items():
        if value is not None:
            print(f"{key:<20} {value}")
    print(f"{'attributes':<20} {', '.join(sorted(json.loads(letter.attributes or '{}') or {}))}")
    text = letter.payload.decode("utf-8", "backslashreplace") if show_payload else mask(letter.payload)
    print(f"{'payload':<20} {text}")
    for failure in history_of(client, target, name):
        was = failure.letter
        path = f" {was.path}" if was.path else ""
        print(f"{'failed':<20} attempt {was.attempt} {was.error_code}{path} ({was.dead_letter_id}, {was.state})")
        for row in failure.redrives:
            again = f" as {row.error_code}" if row.error_code else ""
            rule = f" by rule {row.rule!r}" if row.rule else ""
            moment = to_rfc3339(from_datetime(row.redriven_time))
            print(f"{'redrive':<20} {moment} {row.outcome}{again}{rule} (run {row.run_id})")
    return 0
