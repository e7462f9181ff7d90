"""What is compared of two read sides, and how: by key, every column but those that say which run wrote the row."""

from dataclasses import dataclass

from pipelines.stores.target import Target
from schemas.registry import REGISTRY
from schemas.tables.definitions import DEAD_LETTERS, EVENT_COUNTS, TABLES
from schemas.timestamps import to_rfc3339
from schemas.views import all_views

OF_THE_RUN = ("run_id", "ingest_time", "pipeline_version")
OF_A_MESSAGE = "publish_time IS NOT NULL AND stage != 'sink'"
"""Lines that are no message are not in the archive, and what a sink refused was decided by the sink."""
NOT_COMPARED = ("replay_runs", "dead_letter_states")
"""Views of what was done, not of what is known."""


@dataclass(frozen=True)
class Compared:
    """A table or view, its key and its columns; `clock` is the column of the range, where it has one."""

    dataset: str
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    clock: str | None = None
    newest: str | None = None
    where: str = "TRUE"

    def sql(self, live: Target, other: Target, bounds: tuple[int, int] | None) -> str:
        """Return the query of differences: the key, and both rows as JSON text, NULL where a side lacks it."""
        keys = ", ".join(f"COALESCE(a.{name}, b.{name}) AS {name}" for name in self.key)
        on = " AND ".join(f"(a.{name} = b.{name} OR (a.{name} IS NULL AND b.{name} IS NULL))" for name in self.key)
        return (
            f"SELECT {keys}, a.said AS live, b.said AS other FROM ({self._side(live, bounds)}) AS a"
            f" FULL JOIN ({self._side(other, bounds)}) AS b ON a.k = b.k AND {on}"
            f" WHERE a.said IS NULL OR b.said IS NULL OR a.said != b.said ORDER BY {', '.join(self.key)}"
        )

    def count(self, target: Target, bounds: tuple[int, int] | None) -> str:
        """Return the query of how many rows one side has."""
        return f"SELECT COUNT(*) AS n FROM ({self._side(target, bounds)})"

    def _side(self, target: Target, bounds: tuple[int, int] | None) -> str:
        said = ", ".join(f"{name} AS {name}" for name in self.columns)
        where = self.where
        if bounds is not None and self.clock is not None:
            start, end = map(to_rfc3339, bounds)
            where += f" AND {self.clock} >= TIMESTAMP '{start}' AND {self.clock} < TIMESTAMP '{end}'"
        key = ", ".join(self.key)
        order = (
            f"{self.newest} DESC, run_id DESC"
            if self.newest
            else "publish_time"
            if self.clock == "publish_time"
            else key
        )
        return (
            f"SELECT {key}, TO_JSON_STRING(STRUCT({key})) AS k, TO_JSON_STRING(STRUCT({said})) AS said"
            f" FROM `{target.table(self.dataset, self.name)}` WHERE {where}"
            f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
        )


def all_compared(*, ranged: bool) -> list[Compared]:
    """Return everything that is compared; `ranged` leaves what cannot be cut by publish time."""
    views = [
        Compared(
            view.dataset,
            view.name,
            view.key,
            _said(view.columns),
            "publish_time" if "publish_time" in view.columns else None,
        )
        for view in all_views()
        if view.name not in NOT_COMPARED
    ]
    typed = [
        Compared(TABLES[name].dataset, name, ("event_id",), _said(c.name for c in TABLES[name].columns), "publish_time")
        for name in REGISTRY.by_table()
    ]
    letters = Compared(
        DEAD_LETTERS.dataset, DEAD_LETTERS.name, ("dead_letter_id",), _said(c.name for c in DEAD_LETTERS.columns),
        "publish_time", None, OF_A_MESSAGE,
    )  # fmt: skip
    counts = Compared(
        EVENT_COUNTS.dataset, EVENT_COUNTS.name, ("window_start", "event_type"), ("events", "amount"), None, "pane"
    )
    found = [*views, *typed, letters, counts]
    return [one for one in found if one.clock] if ranged else found


def _said(names: object) -> tuple[str, ...]:
    return tuple(name for name in names if name not in OF_THE_RUN and name != "payload")  # type: ignore[attr-defined]
