"""Google's own SQL engine over the catalog made from `schemas/tables`: it analyzes statements and executes views.

ZetaSQL is WebAssembly in this process, 45 CPU seconds to compile. What comes of that stays in `build/`, where the other
test processes and later runs find it.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from wasmtime import Config
from zetasql.api import CatalogBuilder, PreparedQuery, TableBuilder, TypeFactory
from zetasql.core import wasm_client
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.types import (
    AnalyzerOptions,
    LanguageFeature,
    LanguageOptions,
    ProductMode,
    SimpleCatalog,
    Type,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

from schemas.tables.column import Column
from schemas.tables.ddl import type_of
from schemas.tables.definitions import Table
from schemas.views import Names, View
from tests.support.paths import ROOT

NAMES = Names("local")
_KINDS = {
    "STRING": TypeKind.TYPE_STRING,
    "JSON": TypeKind.TYPE_JSON,
    "BYTES": TypeKind.TYPE_BYTES,
    "BOOL": TypeKind.TYPE_BOOL,
    "INT64": TypeKind.TYPE_INT64,
    "FLOAT64": TypeKind.TYPE_DOUBLE,
    "NUMERIC": TypeKind.TYPE_NUMERIC,
    "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
}
Rows = list[dict[str, Any]]
COMPILED = ROOT / "build" / "zetasql"


class _Compiled(Config):
    """Wasmtime's settings, with a cache of machine code."""

    def __init__(self) -> None:
        super().__init__()
        settings = COMPILED / "cache.toml"
        settings.write_text(f"[cache]\ndirectory = {json.dumps(str(COMPILED))}\n")
        self.cache = str(settings)


@contextlib.contextmanager
def _one_compiles() -> Iterator[None]:
    """Let the engine start in one process at a time: the first compiles, the others read."""
    COMPILED.mkdir(parents=True, exist_ok=True)
    wasm_client.Config = _Compiled
    with (COMPILED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class ZetaSql:
    """The engine with a catalog of tables, and of the views as they are analyzed one after the other."""

    def __init__(self, tables: Iterable[Table]) -> None:
        with _one_compiles():
            language = LanguageOptions.maximum_features()
        language.product_mode = ProductMode.PRODUCT_EXTERNAL
        language.enabled_language_features += [
            LanguageFeature.FEATURE_CREATE_VIEWS_WITH_COLUMN_OPTIONS,
            LanguageFeature.FEATURE_CREATE_EXTERNAL_TABLE_WITH_CONNECTION,
            LanguageFeature.FEATURE_CREATE_EXTERNAL_TABLE_WITH_PARTITION_COLUMNS,
        ]
        self._service = ZetaSqlLocalService.get_instance()
        self._options = AnalyzerOptions(language_options=language)
        self._functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
        self._datasets: dict[str, SimpleCatalog] = {}
        self._known: int | None = None
        for table in tables:
            self._add(table.dataset, table.name, [(column.name, _type(column)) for column in table.columns])

    def analyze(self, sql: str) -> Any:
        """Return the resolved statement; the engine's own error where it does not hold."""
        if self._known is None:  # sending a catalog is slow: it is sent once for many statements
            root = CatalogBuilder("root").with_builtin_functions(self._functions).build()
            root.catalog.append(SimpleCatalog(name=NAMES.project, catalog=list(self._datasets.values())))
            self._known = self._service.register_catalog(simple_catalog=root).registered_id
        answer = self._service.analyze(sql_statement=sql, options=self._options, registered_catalog_id=self._known)
        return answer.resolved_statement

    def add_view(self, view: View) -> list[str]:
        """Analyze a view's query, let later statements read the view, and return its columns."""
        columns = self.analyze(view.query(NAMES)).output_column_list
        self._add(view.dataset, view.name, [(item.name, item.column.type) for item in columns])
        return [item.name for item in columns]

    def add_table(self, table: Table) -> None:
        """Add a table, of any dataset."""
        self._add(table.dataset, table.name, [(column.name, _type(column)) for column in table.columns])

    def add_columns(self, dataset: str, name: str, columns: Iterable[Any]) -> None:
        """Add a table that a statement made, by that statement's output; once."""
        if any(table.name == name for table in self._datasets[dataset].table):
            return
        self._add(dataset, name, [(item.name, item.column.type) for item in columns])

    def _add(self, dataset: str, name: str, columns: list[tuple[str, Type]]) -> None:
        builder = TableBuilder(name)
        for column, kind in columns:
            builder.add_column(column, kind)
        catalog = self._datasets.setdefault(dataset, SimpleCatalog(name=dataset))
        catalog.table.append(builder.build())
        self._known = None

    def execute(
        self, view: View, tables: Mapping[tuple[str, str], tuple[Table, Rows]], views: Iterable[View], as_of: str | None
    ) -> Rows:
        """Return a view's rows over the given tables: every table and view that it reads becomes a WITH query."""
        parts = {key: f"SELECT * FROM UNNEST({_array(table, rows)})" for key, (table, rows) in tables.items()}
        parts |= {(other.dataset, other.name): other.query(NAMES) for other in views if other != view}
        needed: dict[tuple[str, str], str] = {}

        def need(sql: str) -> None:
            for key, part in parts.items():
                if _path(key) in sql and key not in needed:
                    need(part)
                    needed[key] = part

        query = view.query(NAMES) if as_of is None else view.as_of_query(NAMES)
        query = query.replace("event_time <= as_of", f"event_time <= TIMESTAMP '{as_of}'")
        need(query)
        withs = ",\n".join(f"`{'.'.join(key)}` AS ({sql})" for key, sql in needed.items())
        sql = f"WITH {withs}\nSELECT TO_JSON_STRING(result) AS row FROM ({query}) AS result"
        for key in parts:
            sql = sql.replace(_path(key) + " ", f"`{'.'.join(key)}` ").replace(
                _path(key) + "\n", f"`{'.'.join(key)}`\n"
            )
        return [json.loads(text, parse_float=Decimal) for text in self._texts(sql)]

    def value(self, expression: str) -> str:
        """Return the value of an expression of type STRING."""
        [text] = self._texts(f"SELECT {expression} AS value")
        return text

    def _texts(self, sql: str) -> list[str]:
        root = CatalogBuilder("root").with_builtin_functions(self._functions).build()
        builder = PreparedQuery.builder().set_sql(sql).set_analyzer_options(self._options).set_catalog(root)
        with builder.prepare() as prepared:
            table = prepared.execute().content.table_data
        return [row.cell[0].string_value for row in (table.row if table else [])]


def _path(key: tuple[str, str]) -> str:
    return f"`{NAMES.project}`.`{key[0]}`.{key[1]}"


def _type(column: Column) -> Type:
    if column.fields:
        element = TypeFactory.create_struct_type([(field.name, _type(field)) for field in column.fields])
    else:
        element = TypeFactory.create_simple_type(_KINDS[column.type])
    return TypeFactory.create_array_type(element) if column.repeated else element


def _array(table: Table, rows: Rows) -> str:
    """Return the rows as a typed array literal."""
    kinds = ", ".join(f"{column.name} {type_of(column).replace(' NOT NULL', '')}" for column in table.columns)
    lines = (", ".join(_literal(column, row.get(column.name)) for column in table.columns) for row in rows)
    return f"ARRAY<STRUCT<{kinds}>>[{', '.join(f'({line})' for line in lines)}]"


def _literal(column: Column, value: Any) -> str:
    if column.repeated:
        element = Column(column.name, column.type, fields=column.fields)
        kind = type_of(column).replace(" NOT NULL", "")
        return f"{kind}[{', '.join(_literal(element, item) for item in value or [])}]"
    if value is None:
        return "NULL"
    if column.fields:
        return f"({', '.join(_literal(field, value.get(field.name)) for field in column.fields)})"
    if column.type == "BOOL":
        return str(value).upper()
    if column.type in ("INT64", "FLOAT64"):
        return repr(value)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if column.type == "STRING" else f"{column.type} {quoted}"
