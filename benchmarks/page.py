"""Write the figures of docs/benchmarks.md: each table is between two markers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path("docs/benchmarks.md")
HELP = f"put the table into {PAGE}, between the marks of this name"


def as_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table: first column left-aligned, the others right-aligned."""
    lines = [list(heads), ["---", *["---:"] * (len(heads) - 1)], *map(list, rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def put(name: str, markdown: str, page: Path = PAGE) -> None:
    """Replace the text between `<!-- name -->` and `<!-- / name -->`; raise ValueError if they are missing."""
    text, begin, end = page.read_text(), f"<!-- {name} -->\n", f"<!-- / {name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"{page} has no marks named {name!r}")
    before, _, rest = text.partition(begin)
    page.write_text(before + begin + markdown.rstrip() + "\n" + end + rest.partition(end)[2])
