"""The command `dead-letters`: list dead letters and rejected rows with their state, or show one."""

import argparse
import sys
from collections.abc import Iterator

from google.api_core.exceptions import NotFound

from pipelines.cli.output_formats import write_rows
from pipelines.cli.parsed import target_of
from pipelines.command_options.requests import SelectionOptions, make_selection
from pipelines.errors import RunFailed, UserError
from pipelines.read_options import read_options
from pipelines.replay.redrive.listing import DeadLetterDetails, list_sql, read_dead_letter
from pipelines.stores.undelivered import add_undelivered_dead_letters
from pipelines.stores.upgrade import open_for_reading
from pipelines.terminal_text import escape
from schemas.repair.apply import mask
from schemas.timestamps import from_datetime, to_rfc3339


def run(args: argparse.Namespace) -> int:
    """Print dead letters."""
    target = target_of(args)
    if args.limit < 0:
        raise UserError(f"--limit {args.limit}: must be 0 (all) or more")
    if args.show and (len(args.show) != 2 or args.show[0] != "show"):
        raise UserError(f"{' '.join(args.show)}: expected `show ID`, or nothing for the list")
    sql = list_sql(
        target, make_selection(read_options(SelectionOptions, vars(args)), tuple(args.states)), args.group_by
    )
    with open_for_reading(target) as endpoints:
        try:
            if done := add_undelivered_dead_letters(endpoints.bigquery, target):
                print(escape(done), file=sys.stderr)
            if args.show:
                dead_letter = read_dead_letter(endpoints.bigquery, target, args.show[1])
                for line in dead_letter_lines(dead_letter, unmasked=args.show_payload):
                    print(escape(line))
                return 0
            result = endpoints.bigquery.query(sql).result()
            columns = [field.name for field in result.schema]
            printed, more = write_rows(args.format, columns, (row.values() for row in result), args.limit, sys.stdout)
        except NotFound as error:
            raise RunFailed(
                f"the store has no view dead_letter_states; `provision` creates it ({error.message})"
            ) from None
    if more:
        print(f"the first {printed} rows; --limit 0 prints all", file=sys.stderr)
    return 0


def dead_letter_lines(dead_letter: DeadLetterDetails, *, unmasked: bool) -> Iterator[str]:
    """Yield one dead letter and the history of its message, a line each."""
    for name, value in dead_letter.cells.items():
        yield f"{name:<20} {value}"
    yield f"{'attributes':<20} {', '.join(dead_letter.attributes)}"
    text = dead_letter.payload.decode("utf-8", "backslashreplace") if unmasked else mask(dead_letter.payload)
    yield f"{'payload':<20} {text}"
    for failure in dead_letter.history:
        failed = failure.dead_letter
        path = f" {failed.path}" if failed.path else ""
        yield f"{'failed':<20} attempt {failed.attempt} {failed.error_code}{path} ({failed.dead_letter_id}, {failed.state})"
        for redrive in failure.redrives:
            code = f" as {redrive.error_code}" if redrive.error_code else ""
            rule = f" by rule {redrive.rule!r}" if redrive.rule else ""
            moment = to_rfc3339(from_datetime(redrive.redriven_time))
            yield f"{'redrive':<20} {moment} {redrive.outcome}{code}{rule} (run {redrive.run_id})"
