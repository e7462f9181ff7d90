"""A new result replaces an old one as a whole: a failed or killed run leaves what was there, and nothing of others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.stores.output_folder import NEW, check_disjoint, check_output, needs_settling, replacement, settle
from tests.support.paths import ROOT

OLD = {"warehouse.duckdb": "old", "lake/archive/a.avro": "old", "summary.json": "old", "mine.txt": "mine"}
WHOLE = {"warehouse.duckdb": "new", "lake/archive/b.avro": "new", "report.html": "new", "mine.txt": "mine"}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write_new(folder: Path) -> None:
    fill(folder, {name: text for name, text in WHOLE.items() if name != "mine.txt"})


def test_a_whole_result_replaces_the_old_one_and_nothing_else(tmp_path):
    fill(tmp_path, OLD)
    with replacement(tmp_path) as new:
        write_new(new)
        assert files_of(tmp_path).items() >= OLD.items()
    assert files_of(tmp_path) == WHOLE
    assert not (tmp_path / NEW).exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, UserError])
def test_a_failed_run_leaves_the_old_result(tmp_path, error):
    fill(tmp_path, OLD)

    def run() -> None:
        with replacement(tmp_path) as new:
            write_new(new)
            raise error

    with pytest.raises(error):
        run()
    assert files_of(tmp_path) == OLD


KILL = """
import os, signal, sys
from pathlib import Path
from pipelines.stores import output_folder
from tests.unit.pipelines.stores.test_output_folder import write_new
calls = int(sys.argv[2])
def killing(function):
    def call(*args, **settings):
        global calls
        calls -= 1
        if calls < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **settings)
    return call
Path.rename, Path.unlink, Path.rmdir = killing(Path.rename), killing(Path.unlink), killing(Path.rmdir)
output_folder.shutil.rmtree = killing(output_folder.shutil.rmtree)
with output_folder.replacement(Path(sys.argv[1])) as new:
    write_new(new)
print("done")
"""


def test_a_swap_that_is_killed_anywhere_is_finished_by_the_next_command(tmp_path):
    finished = 0
    for calls in range(20):
        folder = tmp_path / str(calls)
        fill(folder, OLD)
        done = subprocess.run(
            [sys.executable, "-c", KILL, folder, str(calls)], cwd=ROOT, capture_output=True, text=True
        )
        settle(folder)
        assert files_of(folder) == WHOLE, calls
        assert not (folder / NEW).exists()
        finished += done.stdout == "done\n"
    assert 3 < finished < 16  # kills at every step, and behind the last one


def test_a_run_that_was_killed_before_its_end_is_cleaned_up(tmp_path):
    fill(tmp_path, {**OLD, f"{NEW}/EVENT-PIPELINES": "", f"{NEW}/warehouse.duckdb": "half", ".work/r/spill": "x"})
    assert not needs_settling(tmp_path)
    settle(tmp_path)
    assert files_of(tmp_path) == OLD


def test_a_folder_of_someone_else_is_never_deleted(tmp_path):
    theirs = {f"{NEW}/warehouse.duckdb": "theirs", ".work/theirs": "theirs"}
    fill(tmp_path, theirs)
    settle(tmp_path)
    with pytest.raises(UserError, match=r"holds \.new, which no run wrote"), replacement(tmp_path):
        pass
    assert files_of(tmp_path) == theirs


def test_overwrite_rejects_a_folder_whose_lake_no_run_wrote(tmp_path):
    fill(tmp_path, {"lake/theirs.parquet": "theirs"})
    with pytest.raises(UserError, match=r"holds lake but no warehouse\.duckdb"):
        check_output(tmp_path, overwrite=True, append=False)


APART = {
    "the same folder": ("out", "out", "--input"),
    "input inside output": ("out/lake/archive", "out", "--input"),
    "input through a link": ("link/lake/archive", "out", "--input"),
    "output through a link": ("out/lake/archive", "link", "--input"),
    "a pattern": ("out/lake/archive/*.avro", "out", "--input"),
    "output inside input": ("in", "in/below/out", "--output"),
    "other spelling": ("out/../out/lake", "out/.", "--input"),
}


@pytest.mark.parametrize("case", APART)
def test_an_input_and_an_output_that_overlap_are_rejected(tmp_path, case):
    given, output, named = APART[case]
    fill(tmp_path, {"out/lake/archive/a.avro": "a", "in/orders.jsonl": "a"})
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UserError, match=f"^{named} .* is inside "):
        check_disjoint([f"{tmp_path}/{given}"], [], tmp_path / output)


def test_a_file_that_is_a_link_into_the_output_is_rejected(tmp_path):
    fill(tmp_path, OLD | {"in/b.jsonl": "b"})
    os.symlink(tmp_path / "lake/archive/a.avro", tmp_path / "in/a.avro")
    with pytest.raises(UserError, match=r"--input .*in/a\.avro: is inside --output"):
        check_disjoint([f"{tmp_path}/in/a.avro"], [f"{tmp_path}/in/a.avro"], tmp_path / "lake")


def test_sibling_folders_are_accepted(tmp_path):
    fill(tmp_path, {"out/lake/a.avro": "a", "output/orders.jsonl": "a", "in/orders.jsonl": "a"})
    for given in (tmp_path / "output", tmp_path / "in", tmp_path / "in" / "orders.jsonl"):
        check_disjoint([str(given), "gs://bucket/out"], ["gs://bucket/out/a.avro"], tmp_path / "out")
