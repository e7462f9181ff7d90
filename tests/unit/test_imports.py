"""Imports point one way: schemas <- transforms <- pipelines <- templates; schemas imports no Beam."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROOMS = ["schemas", "transforms", "pipelines", "templates"]


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the top-level packages that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else node.module or "")
    return frozenset(name.split(".")[0] or "." for name in names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room):
    later = {*ROOMS[ROOMS.index(room) + 1 :], "tests", "benchmarks", "."}
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in ROOT.joinpath(room).rglob("*.py")
        if (found := imported(path) & later)
    }
    assert wrong == {}


def test_schemas_imports_no_beam_and_no_client_of_a_service():
    for path in ROOT.joinpath("schemas").rglob("*.py"):
        assert not imported(path) & {"apache_beam", "google", "grpc", "duckdb"}, path
