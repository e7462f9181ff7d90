"""Compare tables and views of the stores and a shadow by key, without the columns that name a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.stores.target import Target
from schemas.registry import REGISTRY
from schemas.tables.definitions import DEAD_LETTERS, EVENT_COUNTS, TABLES
from schemas.timestamps import to_rfc3339
from schemas.views import all_views

RUN_COLUMNS = ("run_id", "ingest_time", "pipeline_version")
"""Columns that name the run which wrote a row."""
MESSAGES_ONLY = "publish_time IS NOT NULL AND stage != 'sink'"
"""The archive contains neither malformed lines nor rows that a sink rejected."""
NOT_COMPARED = ("run_states", "replay_runs", "dead_letter_states")
"""Views of what runs did; a shadow has none of them."""

HASHED = "_hmac"
"""How the names of the columns of pseudonyms end (schemas/tables/column.py: column_of)."""
ADDED_COLUMNS = ("data_text",)
"""Columns that rows of an earlier version lack: NULL there is no difference (schema version 3)."""


def only_added_columns(live: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two rows differ only in columns that are missing in the older row."""
    differing = [name for name in live if live[name] != other.get(name)]
    return all(name in ADDED_COLUMNS and None in (live[name], other.get(name)) for name in differing)


def only_pseudonyms(live: Mapping[str, Any], other: Mapping[str, Any], keyed: Iterable[str]) -> bool:
    """Return whether two rows differ in pseudonyms alone, each side having one."""
    pseudonyms = set(keyed)
    differing = [name for name in live if live[name] != other.get(name)]
    return all(name in pseudonyms and None not in (live[name], other.get(name)) for name in differing)


@dataclass(frozen=True)
class Difference:
    """One key whose rows differ. `what` names columns, never values: values of the event store are personal data."""

    key: dict[str, Any]
    what: str

    @classmethod
    def of(cls, key: dict[str, Any], live: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> "Difference":
        """Return the difference of two rows, None for a side that lacks the key."""
        if live is None or other is None:
            return cls(key, "only in the shadow" if live is None else "only live")
        return cls(key, "differs in " + ", ".join(name for name in live if live[name] != other.get(name)))


@dataclass(frozen=True)
class TableComparison:
    """The comparison of one table.

    Args:
        rows: live rows.
        differing: keys whose rows differ.
        differences: the first of them.
        partial: keys that several runs wrote, each from the input that it read, and that differ for it. A run that
            appends to a window writes the counts of its own messages; they are compared in event_counts_current.
    """

    name: str
    rows: int
    differing: int
    differences: list[Difference]
    partial: int = 0
    rekeyed: int = 0
    """Keys whose rows differ in pseudonyms alone, because their runs had different keys."""


@dataclass(frozen=True)
class ComparedTable:
    """A table or view with its key and columns.

    Args:
        time: column that a range is compared with; None if the rows have no publish time.
        newest: column whose highest value is the current row of a key.
        where: condition on the rows that are compared.
        per_run: whether a row holds what one run read; keys of several runs differ from those of one that read all.
    """

    dataset: str
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    time: str | None = None
    newest: str | None = None
    where: str = "TRUE"
    per_run: bool = False
    keyed: tuple[str, ...] = ()
    """Columns of pseudonyms: they differ when the rows were written with different keys."""

    def sql(self, live: Target, other: Target, bounds: tuple[int, int] | None) -> str:
        """Return the query of differences: the key, both rows as JSON text, and whether several live runs wrote the key.

        The text of a side without the key is NULL.
        """
        keys = ", ".join(f"COALESCE(a.{name}, b.{name}) AS {name}" for name in self.key)
        runs = "a.run_id AS live_run, b.run_id AS other_run, " if self.keyed else ""
        on = " AND ".join(f"(a.{name} = b.{name} OR (a.{name} IS NULL AND b.{name} IS NULL))" for name in self.key)
        return (
            f"SELECT {keys}, {runs}a.cells AS live, b.cells AS other, {self._several(live)} AS several"
            f" FROM ({self._side(live, bounds)}) AS a"
            f" FULL JOIN ({self._side(other, bounds)}) AS b ON a.k = b.k AND {on}"
            f" WHERE a.cells IS NULL OR b.cells IS NULL OR a.cells != b.cells ORDER BY {', '.join(self.key)}"
        )

    def count(self, target: Target, bounds: tuple[int, int] | None) -> str:
        """Return the query of the number of rows of one side."""
        return f"SELECT COUNT(*) AS n FROM ({self._side(target, bounds)})"

    def _several(self, live: Target) -> str:
        if not self.per_run:
            return "FALSE"
        key = ", ".join(self.key)
        return (
            f"IFNULL(a.k IN (SELECT TO_JSON_STRING(STRUCT({key})) FROM `{live.table(self.dataset, self.name)}`"
            f" GROUP BY {key} HAVING COUNT(DISTINCT run_id) > 1), FALSE)"
        )

    def _side(self, target: Target, bounds: tuple[int, int] | None) -> str:
        cells = ", ".join(f"{name} AS {name}" for name in self.columns)
        where = self.where
        if bounds is not None and self.time is not None:
            start, end = map(to_rfc3339, bounds)
            where += f" AND {self.time} >= TIMESTAMP '{start}' AND {self.time} < TIMESTAMP '{end}'"
        key = ", ".join(self.key)
        order = (
            f"{self.newest} DESC, run_id DESC"
            if self.newest
            else "publish_time"
            if self.time == "publish_time"
            else key
        )
        return (
            f"SELECT {key}, {'run_id, ' if self.keyed else ''}TO_JSON_STRING(STRUCT({key})) AS k,"
            f" TO_JSON_STRING(STRUCT({cells})) AS cells"
            f" FROM `{target.table(self.dataset, self.name)}` WHERE {where}"
            f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
        )


def compared_tables(*, ranged: bool) -> list[ComparedTable]:
    """Return all that is compared; `ranged` leaves out what has no publish time."""
    views = [
        ComparedTable(
            view.dataset,
            view.name,
            view.key,
            _compared(view.columns),
            "publish_time" if "publish_time" in view.columns else None,
        )
        for view in all_views()
        if view.name not in NOT_COMPARED
    ]
    typed = [
        ComparedTable(
            TABLES[name].dataset,
            name,
            ("event_id",),
            _compared(c.name for c in TABLES[name].columns),
            "publish_time",
            keyed=tuple(c.name for c in TABLES[name].columns if c.name.endswith(HASHED)),
        )
        for name in REGISTRY.by_table()
    ]
    dead_letters = ComparedTable(
        DEAD_LETTERS.dataset, DEAD_LETTERS.name, ("dead_letter_id",), _compared(c.name for c in DEAD_LETTERS.columns),
        "publish_time", None, MESSAGES_ONLY,
    )  # fmt: skip
    counts = ComparedTable(
        EVENT_COUNTS.dataset,
        EVENT_COUNTS.name,
        ("window_start", "event_type"),
        ("events", "amount"),
        None,
        "pane",
        per_run=True,
    )
    tables = [*views, *typed, dead_letters, counts]
    return [table for table in tables if table.time] if ranged else tables


def _compared(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in RUN_COLUMNS and name != "payload")
