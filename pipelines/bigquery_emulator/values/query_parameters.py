"""Convert query parameters from BigQuery's typed strings to values that DuckDB binds."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.store.types import Field
from pipelines.bigquery_emulator.values.json_rows import RowError, convert_row


def parameters_of(job: dict[str, Any]) -> dict[str, Any]:
    """Return the named parameters of a query job by name (lower case), as Python values."""
    values = {}
    for item in job.get("queryParameters", []):
        if not item.get("name"):
            raise ApiError("invalidQuery", "The BigQuery emulator supports named parameters only")
        values[item["name"].lower()] = _value(item["name"], item["parameterType"], item.get("parameterValue", {}))
    return values


def bound(tree: exp.Expression, values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a statement: DuckDB rejects values that it does not use."""
    named = {}
    for parameter in tree.find_all(exp.Parameter, exp.Placeholder):
        name = parameter.name
        if name.lower() not in values:
            raise ApiError("invalidQuery", f"Query parameter '{name}' not found")
        named[name] = values[name.lower()]
    return named


def _value(name: str, type_: dict[str, Any], value: dict[str, Any]) -> Any:
    field = _field(name, type_)
    try:
        return convert_row([field], {name: _plain(type_, value)})[name]
    except RowError as error:
        raise ApiError("invalidQuery", f"Query parameter '{name}': {error}") from None


def _field(name: str, type_: dict[str, Any]) -> Field:
    if type_["type"] == "ARRAY":
        return {**_field(name, type_["arrayType"]), "mode": "REPEATED"}
    if type_["type"] == "STRUCT":
        children = [_field(item["name"], item["type"]) for item in type_["structTypes"]]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": children}
    return {"name": name, "type": type_["type"], "mode": "NULLABLE"}


def _plain(type_: dict[str, Any], value: dict[str, Any]) -> Any:
    """Return the parameter's value in the JSON form of rows."""
    if type_["type"] == "ARRAY":
        return [_plain(type_["arrayType"], item) for item in value.get("arrayValues", [])]
    if type_["type"] == "STRUCT":
        types = {item["name"]: item["type"] for item in type_["structTypes"]}
        return {name: _plain(types[name], item) for name, item in value.get("structValues", {}).items()}
    return value.get("value")
