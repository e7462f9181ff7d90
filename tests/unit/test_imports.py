"""Imports point one way: schemas <- transforms <- services <- pipelines <- templates; schemas and services import no Beam."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROOMS = ["schemas", "transforms", "services", "pipelines", "templates"]
READ_MODEL = ("transforms.sinks.read_model", "transforms.clock")
"""All that services import of transforms."""


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


def modules_of(path: Path) -> set[str]:
    """Return the modules that a module imports."""
    nodes = ast.walk(ast.parse(path.read_text(), str(path)))
    return {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_services_import_the_read_model_and_nothing_else_of_transforms():
    for path in ROOT.joinpath("services").rglob("*.py"):
        others = {
            name for name in modules_of(path) if name.startswith("transforms") and not name.startswith(READ_MODEL)
        }
        assert others == set(), path


def test_the_service_loads_no_beam():
    code = (
        "import pkgutil, sys, services\n"
        "for module in pkgutil.walk_packages(services.__path__, 'services.'):\n"
        "    if not module.name.endswith('__main__'): __import__(module.name)\n"
        "sys.exit(any(name.split('.')[0] in ('apache_beam', 'pipelines', 'duckdb') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0


def test_schemas_imports_no_beam_and_no_client_of_a_service():
    for path in ROOT.joinpath("schemas").rglob("*.py"):
        assert not imported(path) & {"apache_beam", "google", "grpc", "duckdb", "psycopg", "sqlite3", "fastapi"}, path
