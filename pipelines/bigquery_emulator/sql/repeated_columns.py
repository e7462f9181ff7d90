"""NULL for a REPEATED column is an empty array, as BigQuery stores it: DML is rewritten so that DuckDB does the same."""

from __future__ import annotations

from sqlglot import exp

from pipelines.bigquery_emulator.store.types import Field


def fill_repeated(statement: exp.Expression, fields: list[Field]) -> exp.Expression:
    """Return an INSERT, UPDATE or MERGE into a table of these fields with NULL arrays replaced by empty ones."""
    repeated = {field["name"].lower() for field in fields if field.get("mode") == "REPEATED"}
    if not repeated:
        return statement
    statement = statement.copy()
    match statement:
        case exp.Insert():
            _fill_insert(statement, [field["name"] for field in fields], repeated)
        case exp.Update():
            _fill_assignments(statement.expressions, repeated)
        case exp.Merge():
            for when in statement.args["whens"].expressions:
                then = when.args.get("then")
                if isinstance(then, exp.Update):
                    _fill_assignments(then.expressions, repeated)
                elif isinstance(then, exp.Insert):
                    _fill_merge_insert(then, [field["name"] for field in fields], repeated)
    return statement


def _fill_insert(insert: exp.Insert, names: list[str], repeated: set[str]) -> None:
    columns = [column.name for column in insert.this.expressions] if isinstance(insert.this, exp.Schema) else names
    query = insert.expression
    if not isinstance(query, exp.Query | exp.Values) or not repeated & {column.lower() for column in columns}:
        return
    if query.find(exp.Var) is not None and any(var.name.upper() == "DEFAULT" for var in query.find_all(exp.Var)):
        return
    source = query if isinstance(query, exp.Values) else exp.Subquery(this=query)
    aliases = [exp.to_identifier(f"c{number}") for number in range(len(columns))]
    source.set("alias", exp.TableAlias(this=exp.to_identifier("source"), columns=aliases))
    values = [
        _filled(exp.column(f"c{number}")) if column.lower() in repeated else exp.column(f"c{number}")
        for number, column in enumerate(columns)
    ]
    insert.set("expression", exp.select(*values).from_(source))


def _fill_assignments(assignments: list[exp.Expression], repeated: set[str]) -> None:
    for assignment in assignments:
        if isinstance(assignment, exp.EQ) and assignment.this.name.lower() in repeated:
            assignment.set("expression", _filled(assignment.expression))


def _fill_merge_insert(insert: exp.Insert, names: list[str], repeated: set[str]) -> None:
    columns = [column.name for column in insert.this.expressions] if isinstance(insert.this, exp.Tuple) else names
    if isinstance(insert.expression, exp.Tuple):
        for column, value in zip(columns, insert.expression.expressions, strict=False):
            if column.lower() in repeated:
                value.replace(_filled(value.copy()))


def _filled(value: exp.Expression) -> exp.Expression:
    return exp.Coalesce(this=value, expressions=[exp.Array(expressions=[])])
