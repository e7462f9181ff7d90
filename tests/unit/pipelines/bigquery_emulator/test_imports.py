"""The emulator can be used alone: it imports nothing of the project but its own folder, and its packages form no circle."""

import ast
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGE = "pipelines.bigquery_emulator"
FOLDER = ROOT / "pipelines" / "bigquery_emulator"
OWN = ("schemas", "transforms", "pipelines", "templates", "benchmarks", "tests")


def imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_imports_nothing_else_of_the_project(path: Path) -> None:
    others = {name for name in imported(path) if name.split(".")[0] in OWN and not name.startswith(f"{PACKAGE}.")}
    assert not others


def part_of(name: str) -> str:
    """Return the package or module right below the emulator's folder that a dotted name is in."""
    return name.removeprefix(f"{PACKAGE}.").split(".")[0]


def test_packages_and_modules_form_no_circle() -> None:
    edges: dict[str, set[str]] = {}
    for path in FOLDER.rglob("*.py"):
        part = path.relative_to(FOLDER).with_suffix("").parts[0]
        targets = {part_of(name) for name in imported(path) if name.startswith(f"{PACKAGE}.")}
        edges.setdefault(part, set()).update(targets - {part})
    done: list[str] = []
    while len(done) < len(edges):  # what imports only what is done is done
        free = [part for part in sorted(edges) if part not in done and not edges[part] & (set(edges) - set(done))]
        assert free, {part: edges[part] - set(done) for part in edges if part not in done}
        done += free
