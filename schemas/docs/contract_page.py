"""The tables of docs/data-contract.md and docs/read-side.md, made from the registry, the enums and the views:
`python -m schemas.docs.contract_page FILE …` writes them anew between a page's markers; a test holds them equal."""

import re
import sys
from pathlib import Path

from pydantic.fields import FieldInfo

from schemas.docs.error_codes import EXPLANATIONS, NOTES
from schemas.models.field_types import Payload, kinds_of
from schemas.outcomes import CODES_OF, Code, Note
from schemas.registry import REGISTRY, Registry, nested_model
from schemas.tables.definitions import TABLES
from schemas.views import View, all_views


def stages_of(code: Code) -> str:
    """Return the stage or stages at which a code can arise."""
    return ", ".join(stage.value for stage, codes in CODES_OF.items() if code in codes)


def event_types_table(registry: Registry = REGISTRY) -> str:
    """Return one line an event type: topic, source, data, table."""
    lines = ["| eventType | topic | source | data | table |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {event_type.name} | {event_type.topic} | {event_type.source} | {_fields(event_type.model)} | {event_type.table} |"
        for event_type in registry
    ]
    return "\n".join(lines)


def codes_table() -> str:
    """Return one line a code, in the order of the checks."""
    lines = ["| code | stage | what it means | how to mend it |", "| --- | --- | --- | --- |"]
    for code in Code:
        explained = EXPLANATIONS[code]
        lines.append(f"| {code.value} | {stages_of(code)} | {explained.meaning} | {explained.mend} |")
    return "\n".join(lines)


def notes_table() -> str:
    """Return one line a note."""
    lines = ["| note | what it means |", "| --- | --- |"]
    return "\n".join(lines + [f"| {note.value} | {NOTES[note]} |" for note in Note])


def tables_table() -> str:
    """Return one line a table of the two datasets."""
    lines = ["| table | one row is | partition · cluster |", "| --- | --- | --- |"]
    for table in TABLES.values():
        column, unit = table.partition
        cluster = ", ".join(table.cluster)
        lines.append(f"| {table.dataset}.{table.name} | {table.description} | {column} {unit.lower()} · {cluster} |")
    return "\n".join(lines)


def views_text() -> str:
    """Return a section a view: what it shows, its key, its state as of a moment, its columns."""
    return "\n".join(line for view in sorted(all_views(), key=_place) for line in ("", *_view(view))) + "\n"


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


BLOCKS = {
    "event types": event_types_table,
    "codes": codes_table,
    "notes": notes_table,
    "tables": tables_table,
    "views": views_text,
}


def fill(page: str) -> str:
    """Return the page with every block between `<!-- made: NAME -->` and `<!-- end -->` made anew."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}\n{BLOCKS[found[2]]()}\n<!-- end -->"

    return re.sub(r"(<!-- made: (.*?) -->).*?<!-- end -->", block, page, flags=re.DOTALL)


def main(*paths: str) -> None:
    """Write the blocks of pages anew."""
    for page in map(Path, paths):
        page.write_text(fill(page.read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])
