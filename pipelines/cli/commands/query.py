"""The command `query`: read a view of the read side, current or as of an event time, or run a SELECT."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import bigquery

from pipelines.cli.arguments.query import view_names
from pipelines.cli.output_formats import write_rows
from pipelines.cli.parsed import target_of
from pipelines.errors import RunFailed, UserError
from pipelines.options import parse_moment
from pipelines.stores.target import Target
from pipelines.stores.upgrade import open_for_reading
from pipelines.suggest import did_you_mean
from schemas.timestamps import to_rfc3339
from schemas.views import View, find_view


def run(args: argparse.Namespace) -> int:
    """Print a view's rows in the order of its key, or the result of a SELECT."""
    target = target_of(args)
    if args.limit < 0:
        raise UserError(f"--limit {args.limit}: must be 0 (all) or more")
    if args.sql is not None and args.as_of is not None:
        raise UserError(f"--as_of {args.as_of}: goes with --view; in --sql select from VIEW_as_of")
    with _selected(target, args) if args.sql is not None else _viewed(target, args) as (columns, rows):
        printed, more = write_rows(args.format, columns, rows, args.limit, sys.stdout)
    if more:
        print(f"the first {printed} rows; --limit 0 prints all", file=sys.stderr)
    return 0


@contextmanager
def _viewed(target: Target, args: argparse.Namespace) -> Iterator[tuple[list[str], Iterator[Any]]]:
    view = _view(args.view)
    sql = select(view, target, _as_of(args.as_of, view), args.limit + 1 if args.limit else 0)
    with open_for_reading(target) as endpoints:
        try:
            result = endpoints.bigquery.query(sql).result()
            yield [field.name for field in result.schema], (row.values() for row in result)
        except NotFound as error:
            name = f"{target.dataset(view.dataset)}.{view.name}"
            raise RunFailed(f"{name}: does not exist; `provision` creates it ({error.message})") from error
        except GoogleAPICallError as error:
            raise RunFailed(f"--view {args.view}: {error.message}") from error


@contextmanager
def _selected(target: Target, args: argparse.Namespace) -> Iterator[tuple[list[str], Iterator[Any]]]:
    if target.directory is not None:
        from pipelines.lake.sql_session import open_session  # DuckDB takes a second

        with open_session(target.directory) as session:
            for feed, files in session.left_out.items():
                print(f"lake.{feed}: {files:,} Avro files are left out; `lake compact` joins them", file=sys.stderr)
            yield session.query(args.sql)
        return
    with open_for_reading(target) as endpoints:
        try:
            result = select_only(endpoints.bigquery, args.sql)
            yield [field.name for field in result.schema], (row.values() for row in result)
        except GoogleAPICallError as error:
            raise RunFailed(f"--sql: {error.message}") from error


def select_only(client: bigquery.Client, sql: str) -> Any:
    """Run a query in BigQuery if its dry run says that it is a SELECT; UserError if it is anything else."""
    planned = client.query(sql, job_config=bigquery.QueryJobConfig(dry_run=True, use_query_cache=False))
    if planned.statement_type != "SELECT":
        raise UserError(f"--sql: is {planned.statement_type}; one SELECT is run, and nothing is changed")
    return client.query(sql).result()


def select(view: View, target: Target, as_of: str | None, limit: int = 0) -> str:
    """Return the query of a view's rows in the order of its key; `as_of` is RFC 3339 in UTC, limit 0 is all."""
    name = view.name if as_of is None else f"{view.function}"
    source = f"`{target.project}`.`{target.dataset(view.dataset)}`.`{name}`"
    if as_of is not None:
        source += f"(TIMESTAMP '{as_of}')"
    return f"SELECT * FROM {source} ORDER BY {', '.join(view.key)}" + (f" LIMIT {limit}" if limit else "")


def _view(name: str) -> View:
    view = find_view(name)
    if view is None:
        hint = did_you_mean(name, view_names()) or f"; one of {', '.join(view_names())}"
        raise UserError(f"--view {name}: no such view{hint}")
    return view


def _as_of(text: str | None, view: View) -> str | None:
    if text is None:
        return None
    if not view.function:
        raise UserError(f"--as_of {text}: {view.name} has no history; it has only the newest rows")
    return to_rfc3339(parse_moment("as_of", text))
