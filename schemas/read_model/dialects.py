"""What PostgreSQL and SQLite spell differently: types, names of tables, prefixes of texts, sums of whole numbers."""

from dataclasses import dataclass

from schemas.tables.column import Column

INDEXED_CHARACTERS = 100
"""How much of a free text an index holds; PostgreSQL rejects an index entry over 2,704 bytes."""


@dataclass(frozen=True)
class Dialect:
    """One SQL dialect.

    Args:
        name: postgresql or sqlite.
        types: the type of a column by its GoogleSQL type.
        binary: the type of a version.
        json: the type of a list of texts.
        none: the literal of the version of a column that no event has set.
        prefix: the call that returns the first characters of a text, with `{}` for the text.
        add: the sum of two whole numbers of any size, with `{}` for each.
    """

    name: str
    types: dict[str, str]
    binary: str
    json: str
    none: str
    prefix: str
    add: str

    def table(self, namespace: str, name: str) -> str:
        """Return a table's quoted name: in PostgreSQL the namespace is a schema, in SQLite a prefix of the name."""
        return f'"{namespace}"."{name}"' if self.name == "postgresql" else f'"{namespace}{name}"'

    def index(self, namespace: str, name: str) -> str:
        """Return an index's quoted name; PostgreSQL puts it into the schema of its table."""
        return f'"{name}"' if self.name == "postgresql" else f'"{namespace}{name}"'

    def type_of(self, column: Column) -> str:
        """Return the type of a column."""
        if column.repeated:
            return self.json
        if self.name == "postgresql" and column.name == "event_id":
            return "uuid"
        return self.types[column.type]

    def indexed(self, column: Column) -> str:
        """Return the expression of a column in an index: a text by its first characters."""
        return self.prefix.format(column.name) if is_free_text(column) else column.name


def is_free_text(column: Column) -> bool:
    """Return whether a column holds text of any length; ids and currencies are short."""
    return column.type == "STRING" and not column.name.endswith(("_id", "sku", "currency", "state"))


# Ids are compared by their bytes ("C"), as BigQuery and SQLite do.
POSTGRESQL = Dialect(
    name="postgresql",
    types={
        "STRING": 'text COLLATE "C"',
        "INT64": "bigint",
        "NUMERIC": "numeric",
        "WHOLE": "numeric",
        "TIMESTAMP": "timestamptz",
        "FLOAT64": "double precision",
        "BOOL": "boolean",
    },
    binary="bytea",
    json="jsonb",
    none="''::bytea",
    prefix=f"left({{}}, {INDEXED_CHARACTERS})",
    add="{} + {}",
)
# SQLite has neither times nor decimals: times are microseconds since 1970, decimals and sums of any size are texts.
SQLITE = Dialect(
    name="sqlite",
    types={
        "STRING": "TEXT",
        "INT64": "INTEGER",
        "NUMERIC": "TEXT",
        "WHOLE": "TEXT",
        "TIMESTAMP": "INTEGER",
        "FLOAT64": "REAL",
        "BOOL": "INTEGER",
    },
    binary="BLOB",
    json="TEXT",
    none="x''",
    prefix=f"substr({{}}, 1, {INDEXED_CHARACTERS})",
    add="add_whole({}, {})",
)
DIALECTS = {dialect.name: dialect for dialect in (POSTGRESQL, SQLITE)}
