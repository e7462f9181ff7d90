"""The tutorial works: its files and edits are applied in order to a copy, its commands run, its outputs are checked."""

import json
import subprocess
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from tests.support.documents import TUTORIAL, copy_project, fences, run_in_shell, text_of
from tests.support.runs import query

ORDERED = fences(TUTORIAL)


def apply(folder: Path, *, long: bool) -> list[str]:
    """Apply the page from top to bottom; return the commands that were left out."""
    left_out, printed = [], ""
    for fence in ORDERED:
        where, name = f"{TUTORIAL}:{fence.line}", fence.value("file")
        if name is not None:
            assert f"`{name}`" in text_of(TUTORIAL), f"{where}: a reader must see the name"
            assert not (folder / name).exists(), f"{where}: {name} is there already"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(fence.text)
        elif fence.language == "diff":
            done = subprocess.run(
                ["git", "apply", "--verbose", "-"],
                cwd=folder,
                input=fence.text,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (where, done.stderr)
        elif fence.language == "sh" and "long" in fence.marks and not long:
            left_out += fence.commands()
        elif fence.language == "sh":
            done = run_in_shell(fence.text, folder)
            assert done.returncode == fence.exit_code, (where, done.stdout, done.stderr)
            printed = done.stdout
        elif fence.language == "text":
            lines = [" ".join(line.split()) for line in printed.splitlines()]
            assert [line for line in fence.text.splitlines() if " ".join(line.split()) not in lines] == [], (
                where,
                printed,
            )
    return left_out


@pytest.fixture
def folder(tmp_path):
    made = copy_project(tmp_path / "project")
    subprocess.run(["git", "init", "-q", str(made)], check=True)  # git apply wants a root of its own
    return made


def check(folder: Path) -> None:
    """Check the results that the page shows: tables, outcomes, view, files."""
    output = folder / "build" / "tutorial" / "output"
    summary = json.loads((output / "summary.json").read_text())
    assert not summary["difference"]
    assert query(output, "SELECT return_id, sku, quantity, reason FROM analytics.return_events ORDER BY 1") == [
        ("R-1", "TEA", 2, "too late"),
        ("R-2", "TEA", 1, None),
    ]
    assert query(output, "SELECT count(*) FROM event_store.events WHERE event_type = 'return.received'") == [(2,)]
    assert query(output, "SELECT error_code, path FROM event_store.dead_letters") == [("FIELD_RANGE", "data.quantity")]
    assert query(output, "SELECT sku, returned, returns FROM analytics.returns_by_sku") == [("TEA", 3, 2)]
    files = ds.dataset(output / "lake" / "returns", format="parquet", exclude_invalid_files=True)
    assert sorted(files.to_table().column("return_id").to_pylist()) == ["R-1", "R-2"]
    manifests = [json.loads(path.read_text()) for path in (output / "lake" / "returns").rglob("_manifest-*.json")]
    assert sorted(manifest["partition"] for manifest in manifests) == ["dt=2026-06-15/hour=09", "dt=2026-06-15/hour=10"]


@pytest.mark.timeout(900)
def test_the_tutorial_adds_an_event_type_a_view_and_a_sink(folder):
    left_out = apply(folder, long=False)
    check(folder)
    assert [line.split()[0] for line in left_out] == ["make", ".venv/bin/python"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_projects_tests_accept_the_tutorials_changes(folder):
    assert apply(folder, long=True) == []
    check(folder)


def test_what_is_quick_to_add_stays_quick():
    edits = [fence for fence in ORDERED if fence.language == "diff" and "tests/" not in fence.text]
    added = [line for fence in edits for line in fence.text.splitlines() if line[:1] == "+" and line[:3] != "+++"]
    assert len(edits) == 2, "the registry and the list of feeds"
    assert len(added) <= 4
