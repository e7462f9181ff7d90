"""Values as GoogleSQL literals.

https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
"""

import json

from pipelines.errors import UserError


def string_literal(value: str | None) -> str:
    """Return a text as a GoogleSQL string literal, None as NULL; UserError if it is not valid Unicode."""
    if value is None:
        return "NULL"
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(f"{value!a}: is not valid UTF-8") from None
    return json.dumps(value, ensure_ascii=False)
