"""The read side: every view and its "as of" table function, from one GoogleSQL file each (`<dataset>.<view>.sql`).

A file starts with comments: what the view shows, its key, what "as of" means for it, and each column. Its query contains
`${event_store}` and `${analytics}` for the datasets, `${window_seconds}`, `${event_rows}` for the rows of events in all
tables, and `${as_of}` for the condition on event time, which a table function sets and a view leaves open. A view whose
text has no `${as_of}` has no table function.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from string import Template

from schemas.views.event_rows import event_rows_sql

_HEADER = re.compile(r"-- (?:(\w+): )?(.*)")
_READS = re.compile(r"\$\{(event_store|analytics)\}\.(\w+)")
_NOT_COLUMNS = ("key", "as_of")
AS_OF_SUFFIX = "_as_of"
AS_OF_ARGUMENT = "as_of"


@dataclass(frozen=True)
class Names:
    """The names that a query is rendered with: project, datasets, and the width of a window in seconds."""

    project: str
    event_store: str = "event_store"
    analytics: str = "analytics"
    window_seconds: int = 60

    def __post_init__(self) -> None:
        if self.window_seconds < 1:
            raise ValueError(f"window_seconds {self.window_seconds}: must be at least 1")

    def dataset(self, dataset: str) -> str:
        """Return the real name of the dataset `event_store` or `analytics`."""
        return {"event_store": self.event_store, "analytics": self.analytics}[dataset]


@dataclass(frozen=True)
class View:
    """One view: `dataset` is event_store or analytics, `columns` their descriptions, `key` the columns that identify a row."""

    dataset: str
    name: str
    description: str
    key: tuple[str, ...]
    columns: dict[str, str] = field(hash=False)
    as_of: str | None
    template: str

    @property
    def function(self) -> str | None:
        """The name of its table function; None for a view without one."""
        return self.name + AS_OF_SUFFIX if self.as_of else None

    @property
    def reads(self) -> list[tuple[str, str]]:
        """The tables and views that it reads, as (dataset, name)."""
        return list(dict.fromkeys(_READS.findall(self.template)))

    def query(self, names: Names) -> str:
        """Return the view's query in GoogleSQL."""
        return self._render(names, as_of=False)

    def as_of_query(self, names: Names) -> str:
        """Return the body of the table function, whose one argument is the TIMESTAMP `as_of`."""
        if not self.as_of:
            raise ValueError(f"view {self.name} has no table function")
        return self._render(names, as_of=True)

    def terraform(self, *, as_of: bool) -> str:
        """Return the query of the view or of its function for Terraform's `templatefile`.

        It holds ${project}, ${event_store} and ${analytics} in their quotes, and ${window_seconds}.
        """
        return (
            Template(self.template).substitute(
                event_store="`${project}`.`${event_store}`",
                analytics="`${project}`.`${analytics}`",
                window_seconds="${window_seconds}",
                as_of=_condition(as_of),
            )
            + "\n"
        )

    def _render(self, names: Names, *, as_of: bool) -> str:
        return Template(self.template).substitute(
            event_store=f"`{names.project}`.`{names.event_store}`",
            analytics=f"`{names.project}`.`{names.analytics}`",
            window_seconds=names.window_seconds,
            as_of=_condition(as_of),
        )


def _condition(as_of: bool) -> str:
    return f"event_time <= {AS_OF_ARGUMENT}" if as_of else "TRUE"


def parse_view(dataset: str, name: str, text: str) -> View:
    """Parse a view's file; ValueError if its header or its placeholders are wrong."""
    lines = text.strip().splitlines()
    header: dict[str, str] = {}
    body = len(lines)
    for number, line in enumerate(lines):
        match = _HEADER.fullmatch(line)
        if match is None:
            body = number
            break
        header[match[1] or ""] = f"{header.get(match[1] or '', '')} {match[2]}".strip()
    template = "\n".join(lines[body:])
    if not template or not header.get("") or not header.get("key"):
        raise ValueError(f"view {dataset}.{name}: needs a description, a key and a query")
    if ("${as_of}" in template) != ("as_of" in header):
        raise ValueError(f"view {dataset}.{name}: as_of belongs both into the header and into the query, or into none")
    return View(
        dataset=dataset,
        name=name,
        description=header[""],
        key=tuple(part.strip() for part in header["key"].split(",")),
        columns={column: what for column, what in header.items() if column and column not in _NOT_COLUMNS},
        as_of=header.get("as_of"),
        template=template,
    )


@cache
def all_views() -> tuple[View, ...]:
    """Return every view, each after the views that it reads."""
    found = {}
    event_rows = event_rows_sql("${event_store}", "${analytics}")
    for file in resources.files(__name__).iterdir():
        if file.name.endswith(".sql"):
            dataset, name, _ = file.name.split(".")
            text = file.read_text(encoding="utf-8").replace("${event_rows}", event_rows)
            found[dataset, name] = parse_view(dataset, name, text)
    ordered: dict[tuple[str, str], View] = {}

    def place(key: tuple[str, str]) -> None:
        if key in found and key not in ordered:
            for read in found[key].reads:
                place(read)
            ordered[key] = found[key]

    for key in sorted(found):
        place(key)
    return tuple(ordered.values())


def find_view(name: str) -> View | None:
    """Return the view of this name; `analytics` wins over `event_store` unless the name says `event_store.<view>`."""
    dataset, _, last = name.rpartition(".")
    fits = [view for view in all_views() if view.name == last and dataset in ("", view.dataset)]
    return min(fits, key=lambda view: view.dataset, default=None)
