"""SQL on an output folder, read only: the warehouse's tables and views, and the lake's feeds as `lake.NAME`.

The feeds are views over the files that the newest manifests name at that moment. The session reads these files and the
warehouse, and nothing else: DuckDB has no access to other files, to extensions or to the network, and one statement of
the type SELECT is run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.bigquery_emulator.client import connect
from pipelines.errors import RunFailed, UserError
from pipelines.lake.windows import read_windows
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.output_folder import LAKE, WAREHOUSE, needs_settling, settle
from schemas.tables import lake
from schemas.tables.ddl import type_of
from schemas.tables.lake import LAKE_FEEDS, LakeFeed

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "temp_directory": "",  # nothing is spilled to disk
}
_DUCK_TYPES = {"INT64": "BIGINT", "FLOAT64": "DOUBLE", "STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}


class Session:
    """An open session. `left_out` counts files per feed that a view cannot read: Avro of earlier versions."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, left_out: dict[str, int]) -> None:
        self._connection = connection
        self.left_out = left_out

    def query(self, sql: str) -> tuple[list[str], Iterator[tuple[object, ...]]]:
        """Run one SELECT; return the names of its columns, and its rows as they are read.

        Raises:
            UserError: it is not exactly one SELECT.
            RunFailed: DuckDB rejects it.
        """
        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UserError("--sql: must be exactly one SELECT; nothing else is run, and nothing is changed")
            result = self._connection.execute(statements[0])
            columns = [column[0] for column in result.description or []]
        except duckdb.Error as error:
            raise RunFailed(f"--sql: {str(error).splitlines()[0]}") from None
        return columns, self._rows(result)

    @staticmethod
    def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
        try:
            while rows := result.fetchmany(1000):
                yield from rows
        except duckdb.Error as error:
            raise RunFailed(f"--sql: {str(error).splitlines()[0]}") from None


@contextmanager
def open_session(directory: Path) -> Iterator[Session]:
    """Yield a session on an output folder; UserError if it has no warehouse or a running process serves it."""
    if needs_settling(directory):
        with lock_folder(directory, "recovery"):
            settle(directory)
    path = (directory / WAREHOUSE).resolve()
    if not path.is_file():
        raise UserError(f"--output {directory}: there is no {WAREHOUSE} in it; the command `local` creates it")
    served = connect(directory)
    if served is not None:
        raise UserError(
            f"--output {directory}: process {served.pid} serves its warehouse, so that --sql cannot open the file; "
            "use --view, or wait until the process ends"
        )
    with duckdb.connect(config=_CONFIGURATION) as connection:
        try:
            connection.execute(f"attach {_text(str(path))} as warehouse (read_only)").fetchall()
        except duckdb.IOException as error:
            raise UserError(f"--output {directory}: {WAREHOUSE} cannot be opened: {_first_line(error)}") from None
        connection.execute(f"attach ':memory:' as {lake.LAKE}; set timezone = 'UTC'").fetchall()
        files, left_out = [], {}
        for feed in LAKE_FEEDS:
            found = _files(str(directory.resolve() / LAKE), feed)
            readable = [file for file in found if file.endswith(".parquet")]
            if len(readable) < len(found):
                left_out[feed.name] = len(found) - len(readable)
            files += readable
            try:
                _create_view(connection, feed, readable)
            except duckdb.Error as error:
                raise RunFailed(f"lake.{feed.name}: {_first_line(error)}; run the command again") from None
        allowed = ", ".join(map(_text, files))
        connection.execute(
            f"set allowed_paths = [{allowed}]; set python_enable_replacements = false; "
            "set enable_external_access = false; use warehouse; set lock_configuration = true"
        ).fetchall()
        yield Session(connection, left_out)


def _files(root: str, feed: LakeFeed) -> list[str]:
    if not (Path(root) / feed.folder).is_dir():
        return []
    return [window.path(entry["name"]) for window in read_windows(root, [feed.folder]) for entry in window.entries]


def _create_view(connection: duckdb.DuckDBPyConnection, feed: LakeFeed, files: list[str]) -> None:
    """Create the view of a feed, with comments; without files it has no rows."""
    name = f"{lake.LAKE}.main.{feed.name}"
    columns = [*feed.columns, *lake.PARTITIONS]
    if files:
        rows = (
            f"select * from read_parquet([{', '.join(map(_text, files))}], hive_partitioning = true, "
            "hive_types = {'dt': DATE, 'hour': VARCHAR})"
        )
    else:
        cells = (f"null::{_DUCK_TYPES.get(type_of(column), type_of(column))} as {column.name}" for column in columns)
        rows = f"select {', '.join(cells)} where false"
    connection.execute(f"create view {name} as {rows}").fetchall()
    connection.execute(f"comment on view {name} is {_text(feed.description)}").fetchall()
    for column in columns:
        connection.execute(f'comment on column {name}."{column.name}" is {_text(column.description)}').fetchall()


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
