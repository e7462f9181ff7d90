"""The repository layout: no circle of packages, no folder with more modules than a reader can keep in mind."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ["schemas", "transforms", "services", "pipelines", "benchmarks"]
MAX_MODULES = 20
ONE_PER_COMMAND = ("pipelines/cli/commands", "pipelines/cli/arguments")


@cache
def modules() -> dict[str, Path]:
    """Return every module of the repository by its dotted name."""
    paths = [path for package in PACKAGES for path in ROOT.joinpath(package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


@cache
def imports() -> list[tuple[str, str]]:
    """Return (importer, imported) for every import of one module of the repository by another, at any level of its code."""
    found = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.ImportFrom) and node.module:
                targets = [f"{node.module}.{alias.name}" for alias in node.names]
                found += [(name, target if target in modules() else node.module) for target in targets]
            elif isinstance(node, ast.Import):
                found += [(name, alias.name) for alias in node.names]
    return [(importer, imported) for importer, imported in found if imported in modules() and imported != importer]


def folders() -> list[str]:
    """Return every folder that holds modules, as a dotted name."""
    return sorted({".".join(path.parent.relative_to(ROOT).parts) for path in modules().values()})


def circles(edges: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield one circle for each node from which a path leads back to it."""
    for start in sorted(edges):
        paths = [[start]]
        seen = set()
        while paths:
            path = paths.pop()
            for target in edges.get(path[-1], ()):
                if target == start:
                    yield [*path, start]
                    paths = []
                    break
                if target not in seen:
                    seen.add(target)
                    paths.append([*path, target])


@pytest.mark.parametrize("folder", folders())
def test_the_parts_of_a_folder_import_each_other_one_way(folder):
    """A part is a module or a subfolder with everything below it; a package's own __init__ is the folder itself."""
    edges = defaultdict(set)
    for importer, imported in imports():
        if not (importer.startswith(f"{folder}.") and imported.startswith(f"{folder}.")):
            continue
        here, there = (name.removeprefix(f"{folder}.").split(".")[0] for name in (importer, imported))
        if here != there:
            edges[here].add(there)
    assert list(circles(edges)) == []


@pytest.mark.parametrize("folder", folders())
def test_a_folder_has_at_most_twenty_modules(folder):
    if folder.replace(".", "/") in ONE_PER_COMMAND:
        return
    here = [path for path in ROOT.joinpath(*folder.split(".")).glob("*.py") if path.name != "__init__.py"]
    assert len(here) <= MAX_MODULES


def test_every_module_has_a_docstring():
    silent = [str(path) for path in modules().values() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_only_the_command_line_package_takes_parsed_options_as_a_namespace():
    """Everything else takes frozen objects with typed fields (pipelines/read_options.py)."""
    outside = [path for path in modules().values() if path.is_relative_to(ROOT / "pipelines")]
    outside = [path for path in outside if not path.is_relative_to(ROOT / "pipelines" / "cli")]
    assert [str(path) for path in outside if "argparse.Namespace" in path.read_text()] == []


def test_no_module_asks_parsed_options_for_an_option_that_may_be_absent():
    asking = [str(path) for path in modules().values() if "hasattr(args" in path.read_text()]
    assert asking == []
