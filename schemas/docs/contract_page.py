"""Generate the tables of docs/data-contract.md, error-codes.md, read-side.md and event-store-views.md from the code.

`python -m schemas.docs.contract_page FILE …` rewrites them between a page's markers; a test compares them.
"""

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic.fields import FieldInfo

from schemas.docs.error_codes import EXPLANATIONS, NOTES
from schemas.models.field_types import Payload, kinds_of
from schemas.outcomes import CODES_OF, Code, Note
from schemas.registry import REGISTRY, Registry, nested_model
from schemas.tables.definitions import ANALYTICS, EVENT_STORE, TABLES
from schemas.views import View, all_views


def stages_of(code: Code) -> str:
    """Return the stage or stages at which a code can arise."""
    return ", ".join(stage.value for stage, codes in CODES_OF.items() if code in codes)


def event_types_table(registry: Registry = REGISTRY) -> str:
    """Return one line per event type: topic, source, data, table."""
    lines = ["| eventType | topic | source | data | table |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {event_type.name} | {event_type.topic} | {event_type.source} | {_fields(event_type.model)} | {event_type.table} |"
        for event_type in registry
    ]
    return "\n".join(lines)


def codes_table() -> str:
    """Return one line per code, in the order of the checks."""
    lines = ["| code | stage | what it means | how to fix it |", "| --- | --- | --- | --- |"]
    for code in Code:
        explained = EXPLANATIONS[code]
        lines.append(f"| {code.value} | {stages_of(code)} | {explained.meaning} | {explained.remedy} |")
    return "\n".join(lines)


def notes_table() -> str:
    """Return one line per note."""
    lines = ["| note | what it means |", "| --- | --- |"]
    return "\n".join(lines + [f"| {note.value} | {NOTES[note]} |" for note in Note])


def tables_table() -> str:
    """Return one line per table of the two datasets."""
    lines = ["| table | one row is | partition · cluster |", "| --- | --- | --- |"]
    for table in TABLES.values():
        column, unit = table.partition
        cluster = ", ".join(table.cluster)
        lines.append(f"| {table.dataset}.{table.name} | {table.description} | {column} {unit.lower()} · {cluster} |")
    return "\n".join(lines)


def views_text(dataset: str) -> str:
    """Return one section per view of a dataset: what it shows, its key, its state as of a time, its columns."""
    views = sorted((view for view in all_views() if view.dataset == dataset), key=_place)
    return "\n".join(line for view in views for line in ("", *_view(view))) + "\n"


def _place(view: View) -> tuple[str, str]:
    return view.dataset, view.name


def _view(view: View) -> list[str]:
    key = f"Key: {', '.join(f'`{column}`' for column in view.key)}"
    as_of = f" · `{view.function}(as_of)`: {view.as_of}." if view.function else ""
    rows = [f"| `{column}` | {what} |" for column, what in view.columns.items()]
    head = [f"### {view.dataset}.{view.name}", "", view.description, "", key + as_of, ""]
    return [*head, "| column | what |", "| --- | --- |", *rows]


def _fields(model: type[Payload]) -> str:
    return ", ".join(_field(name, field) for name, field in model.model_fields.items())


def _field(name: str, field: FieldInfo) -> str:
    inner = nested_model(field)
    kind = f"[ {_fields(inner)} ]" if inner else kinds_of(field)[0]
    return f"**{name}** {kind}" if field.is_required() else f"{name} {kind}"


BLOCKS: dict[str, Callable[[], str]] = {
    "event types": event_types_table,
    "codes": codes_table,
    "notes": notes_table,
    "tables": tables_table,
    "analytics views": partial(views_text, ANALYTICS),
    "event store views": partial(views_text, EVENT_STORE),
}


def fill(page: str) -> str:
    """Return the page with every block between `<!-- made: NAME -->` and `<!-- end -->` regenerated."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}\n{BLOCKS[found[2]]()}\n<!-- end -->"

    return re.sub(r"(<!-- made: (.*?) -->).*?<!-- end -->", block, page, flags=re.DOTALL)


def main(*paths: str) -> None:
    """Rewrite the generated blocks of pages."""
    for page in map(Path, paths):
        page.write_text(fill(page.read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])
