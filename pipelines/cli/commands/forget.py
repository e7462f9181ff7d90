"""The command `forget`: list what is stored of a customer, and with --yes delete it and write a record without the person."""

import argparse
import re

from google.api_core.exceptions import GoogleAPICallError

from pipelines.bigquery_emulator.client import connect
from pipelines.cli.parsed import target_of
from pipelines.erasure.forget import Findings, ForgetRequest, Outcome, forget, search
from pipelines.erasure.journal import Journal
from pipelines.errors import RunFailed, UserError
from pipelines.read_model.forget import delete_customer
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import open_stores
from pipelines.terminal_text import escape

_CUSTOMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_REQUEST = re.compile(r"[A-Za-z0-9._/-]{1,64}")


def run(args: argparse.Namespace) -> int:
    """List, or delete and write a record; return 1 if the deletion is not complete."""
    target = target_of(args, needs_lake=True)
    if not _CUSTOMER.fullmatch(args.customer):
        raise UserError(f"--customer {args.customer}: is not an id as the contract has them")
    if args.request is not None and not _REQUEST.fullmatch(args.request):
        raise UserError(f"--request {args.request}: at most 64 letters, digits and . _ / -")
    request = ForgetRequest(target, args.customer, args.request, args.yes)
    if not request.delete:
        return _list(request)
    if target.directory is not None and connect(target.directory) is not None:
        raise UserError(f"--output {target.directory}: a running process holds its warehouse; wait until it ends")
    with lock_folder(target.directory, "forget"):
        outcomes = forget(request, lambda found: print(_listing(found)))
    if args.read_model is not None:
        print(f"{delete_customer(args.read_model, args.customer):8,} rows     read model {args.read_model}")
    _print_outcomes(outcomes)
    return 0


def _list(request: ForgetRequest) -> int:
    target = request.target
    try:
        with open_stores(target) as endpoints:
            found = search(endpoints, target, request.customer)
    except GoogleAPICallError as error:
        raise RunFailed(f"BigQuery: {error.message}") from error
    print(_listing(found))
    print("nothing was changed" + ("" if found.empty else "; --yes deletes what is listed"))
    if Journal(target.lake).pending():
        print("an earlier deletion was interrupted: --yes finishes it")
    return 0


def _print_outcomes(outcomes: list[Outcome]) -> None:
    """Print the records; raise RunFailed if a deletion is not complete."""
    if not outcomes:
        print("nothing was changed")
    left = [reason for outcome in outcomes for reason in outcome.left]
    for outcome in outcomes:
        print(escape(f"{'not complete' if outcome.left else 'deleted'}; the record is {outcome.record}"))
    if left:
        raise RunFailed(f"not complete: {left[0]}{f', and {len(left) - 1} more' if left[1:] else ''}; run it again")


def _listing(found: Findings) -> str:
    rows: dict[str, int] = {}
    for _, holding in found.tables:
        rows[holding.table] = rows.get(holding.table, 0) + holding.rows
    lines = [f"{count:8,} rows     {table}" for table, count in rows.items()]
    lines += [f"{held.own:8,} records  {held} (of {held.rows:,})" for held in found.files.held]
    if found.empty:
        lines.append("nothing is stored of this customer")
    kept = found.kept
    if kept.order_events:
        lines.append(f"{kept.order_events:8,} order events name the customer's id and are kept")
    if kept.with_unknown_fields:
        lines.append(
            f"{kept.with_unknown_fields:8,} of them carry fields that the contract does not know: look at those"
        )
    lines += [f"not searched: {reason}" for reason in found.unsearched()]
    return "\n".join(map(escape, lines))
