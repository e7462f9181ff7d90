"""`simulate` as a user meets it: files, the same bytes for a seed, and mistakes that name option and value."""

import argparse
import hashlib
from pathlib import Path

import pytest

from pipelines.cli.arguments import simulate as arguments
from pipelines.cli.commands import simulate
from pipelines.errors import UserError
from pipelines.simulator import SimulationConfig

FILES = ["customers.jsonl", "inventory.jsonl", "iot-events.jsonl", "orders.jsonl", "truth-sagas.jsonl", "truth.json"]


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return simulate.run(parser.parse_args([str(word) for word in words]))


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_simulate_writes_one_file_per_topic_and_the_expected_results(tmp_path, capsys):
    assert run("--output", tmp_path / "in", "--events", 1000) == 0
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == FILES
    assert "generated 1,000 messages" in capsys.readouterr().out


def test_another_seed_gives_other_bytes_of_the_same_number(tmp_path):
    for seed in (1, 2):
        run("--output", tmp_path / str(seed), "--events", 500, "--seed", seed)
    one, two = digest(tmp_path / "1"), digest(tmp_path / "2")
    assert not set(one.values()) & set(two.values())


@pytest.mark.parametrize("events", [1, 2, 3, 17, 999])
def test_the_number_of_lines_is_the_requested_one(tmp_path, events):
    run("--output", tmp_path, "--events", events, "--dirty", 0.2, "--duplicates", 0.2)
    lines = [line for path in tmp_path.glob("*.jsonl") if path.name != "truth-sagas.jsonl"
             for line in path.read_bytes().splitlines()]  # fmt: skip
    assert len(lines) == events


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("events", 0),
        ("events", -5),
        ("rate", 0.0),
        ("rate", -1.5),
        ("rate", float("nan")),
        ("rate", float("inf")),
        ("dirty", -0.1),
        ("dirty", 1.1),
        ("dirty", float("nan")),
        ("duplicates", 2.0),
        ("late", -1.0),
        ("start", "yesterday"),
        ("start", "2026-01-01T00:00:00"),
        ("start", "1999-12-31T23:59:59Z"),
        ("start", "8999-12-31T23:59:59Z"),
        ("event_bytes", 10),
        ("event_bytes", 10**6),
        ("format", "xml"),
    ],
)
def test_a_bad_value_is_named_with_its_option(option, value):
    with pytest.raises(UserError) as mistake:
        SimulationConfig(**{option: value})
    assert f"--{option} {value}" in str(mistake.value)


def test_shares_that_leave_no_event_to_copy_are_rejected():
    with pytest.raises(UserError, match=r"--dirty 0\.6 with --duplicates 0\.4"):
        SimulationConfig(dirty=0.6, duplicates=0.4)


def test_a_folder_in_use_is_rejected_and_left_as_it_was(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=f"--output {tmp_path}: is not empty"):
        run("--output", tmp_path, "--events", 10)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwrite_replaces_the_files_of_an_earlier_run(tmp_path):
    run("--output", tmp_path, "--events", 300)
    before = digest(tmp_path)
    run("--output", tmp_path, "--events", 200, "--overwrite")
    assert sorted(digest(tmp_path)) == sorted(before)
    assert len((tmp_path / "truth.json").read_bytes()) > 0
    assert digest(tmp_path)["orders.jsonl"] != before["orders.jsonl"]


def test_an_output_that_is_a_file_is_rejected(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is not a folder"):
        run("--output", tmp_path / "file", "--events", 10)


def test_ctrl_c_leaves_no_file_behind(tmp_path, monkeypatch):
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.simulator.writer.message_line", interrupt)
    with pytest.raises(KeyboardInterrupt, match="No file was written"):
        run("--output", tmp_path, "--events", 10)
    assert not list(tmp_path.iterdir())
