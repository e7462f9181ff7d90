"""The types of Avro schemas, as far as a reader of foreign files must know them."""

from typing import Any


def unwrap(given: Any) -> tuple[Any, dict[str, Any]]:
    """Return a type's name and properties."""
    while isinstance(given, dict) and isinstance(given.get("type"), dict):
        given = given["type"]
    return (given.get("type"), given) if isinstance(given, dict) else (given, {})


def check_items(schema: Any) -> bool:
    """Return whether the items of all arrays take bytes: otherwise a few bytes of data are items without end."""
    named: dict[str, Any] = {}
    arrays, waiting = [], [schema]
    while waiting:
        given = waiting.pop()
        if isinstance(given, list):
            waiting += given
        elif isinstance(given, dict):
            if isinstance(given.get("name"), str):
                named[given["name"].rsplit(".", 1)[-1]] = given
            if given.get("type") == "array":
                arrays.append(given.get("items"))
            waiting += [value for key, value in given.items() if key in ("type", "items", "values", "fields")]
    return all(_takes_bytes(items, named, ()) for items in arrays)


def _takes_bytes(given: Any, named: dict[str, Any], within: tuple[str, ...]) -> bool:
    if isinstance(given, list):
        return True  # a union has the number of its branch
    kind, properties = unwrap(given)
    if kind in ("record", "error"):
        name = str(properties.get("name"))
        fields = [field for field in properties.get("fields", ()) if isinstance(field, dict)]
        return name not in within and any(_takes_bytes(field.get("type"), named, (*within, name)) for field in fields)
    if isinstance(kind, str) and (known := named.get(kind.rsplit(".", 1)[-1])) is not None and known is not given:
        return _takes_bytes(known, named, within)
    return kind != "null" and not (kind == "fixed" and not properties.get("size"))


def without_logical_types(schema: Any) -> Any:
    """Return a schema whose values are read as what they are in the file: times are numbers, decimals bytes."""
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    nested = ("type", "items", "values", "fields")
    return {
        key: without_logical_types(value) if key in nested else value
        for key, value in schema.items()
        if key != "logicalType"
    }
