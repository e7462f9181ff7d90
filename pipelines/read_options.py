"""Read parsed options into a frozen object: typed fields, and nothing of another command's options."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

Options = TypeVar("Options")


def read_options(kind: type[Options], parsed: Mapping[str, Any]) -> Options:
    """Return an object of the dataclass `kind`, whose fields are named after options.

    Args:
        parsed: `vars()` of what the parser returned. An option that a parser does not have takes the field's default.
    """
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in parsed or (field.default is MISSING and field.default_factory is MISSING):
            value = parsed[field.name]
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
