"""The command `forget`: list what is held of a customer, and with --yes delete it, leaving a record without the person.

Files go first, then rows: a replay in between can bring nothing back. What a failure leaves is found by the next run.
"""

import argparse
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from apache_beam.io.filesystems import FileSystems
from google.api_core.exceptions import GoogleAPICallError

from pipelines.bigquery_emulator.client import connect
from pipelines.erasure.compact_warehouse import compact
from pipelines.erasure.lake_files import HeldFile, Lake
from pipelines.erasure.matching import Person
from pipelines.erasure.tables import Holding, Kept, Tables
from pipelines.errors import RunFailed, UserError
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.output_folder import WAREHOUSE
from pipelines.stores.target import Target, add_target_arguments
from pipelines.version import pipeline_version
from schemas.timestamps import to_datetime, to_rfc3339
from transforms.clock import wall_us
from transforms.sinks.files.files import write_whole

HELP = "list what is held of a customer, and delete it with --yes (docs/personal-data.md)"
RECORDS = "forgotten"
_CUSTOMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_REQUEST = re.compile(r"[A-Za-z0-9._/-]{1,64}")


@dataclass(frozen=True)
class Findings:
    """What is held of the customer: rows, files, what stays, and files that could not be looked into."""

    tables: list[Holding]
    files: list[HeldFile]
    kept: Kept
    unfinished: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to delete."""
        return not self.tables and not self.files


@dataclass
class Done:
    """What was done, for the record: counts and names of files, nothing of the person."""

    tables: dict[str, int] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--customer", required=True, metavar="ID", help="the customerId")
    parser.add_argument("--yes", action="store_true", help="delete; without it the command only lists")
    parser.add_argument(
        "--request", metavar="NAME", help="your name of the request, kept in the record: no personal data"
    )


def run(args: argparse.Namespace) -> int:
    """List, or delete and leave a record."""
    target = Target.from_args(args, needs_lake=True)
    if not _CUSTOMER.fullmatch(args.customer):
        raise UserError(f"--customer {args.customer}: is not an id as the contract has them")
    if args.request is not None and not _REQUEST.fullmatch(args.request):
        raise UserError(f"--request {args.request}: at most 64 letters, digits and . _ / -")
    if args.yes and target.directory is not None and connect(target.directory) is not None:
        raise UserError(f"--output {target.directory}: a running process holds its warehouse; let it end first")
    with lock_folder(target.directory if args.yes else None, "forget"):
        return _list_or_delete(args, target, Person(args.customer))


def _list_or_delete(args: argparse.Namespace, target: Target, person: Person) -> int:
    with target.open() as endpoints:
        tables, lake = Tables(endpoints.bigquery, target, person), Lake(target.lake, person)
        try:
            held, unfinished = lake.held()
            findings = Findings(tables.holdings(), held, tables.kept(), unfinished)
            print(_listing(findings))
            if not args.yes or findings.empty:
                print("nothing was changed" + ("" if findings.empty else "; --yes deletes what is listed"))
                return 0
            where = forget(findings, tables, lake, args.request)
        except GoogleAPICallError as error:
            raise RunFailed(f"BigQuery: {error.message}; what was not deleted yet is found by the next run") from error
    if target.directory is not None:
        compact(target.directory / WAREHOUSE)
    print(f"deleted; the record is {where}")
    return 0


def forget(findings: Findings, tables: Tables, lake: Lake, request: str | None = None) -> str:
    """Delete what was found and return the path of the record, which is written even if something fails midway."""
    now = wall_us()
    run_id = f"forget-{to_datetime(now):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    done = Done()
    try:
        for file in findings.files:
            became = lake.rewrite(file, run_id)
            done.files.append({"file": str(file), "became": became, "records": file.own})
        for holding in findings.tables:
            done.tables[holding.table] = done.tables.get(holding.table, 0) + tables.delete(holding)
        done.complete = True
    finally:
        folder = FileSystems.join(lake.root, RECORDS)
        record = {
            "run_id": run_id,
            "forgotten_time": to_rfc3339(now),
            "pipeline_version": pipeline_version(),
            "request": request,
            "complete": done.complete,
            "rows": done.tables,
            "files": done.files,
            "order_events_kept": findings.kept.order_events,
        }
        write_whole(folder, f"{run_id}.json", (json.dumps(record, indent=2) + "\n").encode())
    return str(FileSystems.join(folder, f"{run_id}.json"))


def _listing(findings: Findings) -> str:
    rows: dict[str, int] = {}
    for holding in findings.tables:
        rows[holding.table] = rows.get(holding.table, 0) + holding.rows
    lines = [f"{count:8,} rows     {table}" for table, count in rows.items()]
    lines += [f"{file.own:8,} records  {file} (of {file.rows:,})" for file in findings.files]
    if findings.empty:
        lines.append("nothing is held of this customer")
    kept = findings.kept
    if kept.order_events:
        lines.append(f"{kept.order_events:8,} order events name the customer's id and stay")
    if kept.with_unknown_fields:
        lines.append(
            f"{kept.with_unknown_fields:8,} of them carry fields that the contract does not know: look at those"
        )
    if findings.unfinished:
        lines.append(f"{findings.unfinished:8,} files are being written and were not looked into: run this again later")
    return "\n".join(lines)
