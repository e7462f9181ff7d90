"""The views on plain DuckDB, as the local warehouse stores them: through sqlglot, in a session that is not in UTC."""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.bigquery_emulator.sql.translate import Dialect
from pipelines.bigquery_emulator.store.types import column_ddl, normal, quoted
from schemas.tables.column import TIMESTAMP
from schemas.tables.definitions import Table
from schemas.views import Names, View

NAMES = Names("local")
Rows = list[dict[str, Any]]


class DuckViews:
    """An in-memory DuckDB with the tables, and every view and its table function over them."""

    def __init__(self, tables: Iterable[Table], views: Iterable[View], names: Names = NAMES) -> None:
        self._connection = duckdb.connect()
        self._run("set timezone = 'Pacific/Kiritimati'")
        self._tables = {(table.dataset, table.name): table for table in tables}
        for dataset in ("event_store", "analytics"):
            self._run(f"create schema {dataset}")
        for key, table in self._tables.items():
            columns = ", ".join(column_ddl(normal(field)) for field in table.bigquery_fields())
            self._run(f"create table {quoted(*key)} ({columns})")
        dialect = Dialect(names.project)
        for view in views:
            self._run(f"create view {quoted(view.dataset, view.name)} as {dialect.query(view.query(names))}")
            if view.function:
                body = dialect.query(view.as_of_query(names), ["as_of"])
                self._run(f"create macro {quoted(view.dataset, view.function)}(as_of) as table {body}")

    def load(self, tables: Mapping[tuple[str, str], tuple[Table, Rows]]) -> None:
        """Let the tables hold exactly these rows."""
        for key, (table, rows) in tables.items():
            self._run(f"delete from {quoted(*key)}")
            arrow = pa.Table.from_pylist(rows, schema=table.arrow_schema())
            self._connection.register("arriving", arrow)
            self._run(f"insert into {quoted(*key)} by name select * from arriving")

    def rows(self, view: View, as_of: str | None = None) -> Rows:
        """Return the view's rows now or as of a time."""
        name = quoted(view.dataset, view.name)
        if as_of is not None:
            name = f"{quoted(view.dataset, view.function or '')}(timestamptz '{as_of}')"
        table = self._connection.sql(f"select * from {name}").to_arrow_table()
        # Python has no time after 9999-12-31T23:59:59 in a zone east of Greenwich.
        fields = [pa.field(f.name, TIMESTAMP if pa.types.is_timestamp(f.type) else f.type) for f in table.schema]
        return table.cast(pa.schema(fields)).to_pylist()

    def _run(self, sql: str) -> None:
        self._connection.execute(sql).fetchall()
