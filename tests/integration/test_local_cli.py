"""User mistakes with `local`: exit 2, one or two lines, no partial output."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.events import make_event, message_line
from tests.support.runs import write_messages


@pytest.fixture
def source(tmp_path) -> Path:
    data = json.dumps(make_event("order.created")).encode()
    return write_messages(tmp_path / "in" / "orders.jsonl", [message_line("orders", 1, data, "2026-06-15T12:00:00Z")])


def truncated(folder: Path) -> Path:
    whole = gzip.compress(b'{"topic":"orders"}\n' * 1000)
    (folder / "orders.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "orders.jsonl.gz"


def empty(folder: Path) -> Path:
    (folder / "orders.jsonl").write_bytes(b"")
    return folder / "orders.jsonl"


MISTAKES = {
    "unknown option": (lambda t, s: ["--input", s, "--nonsense", "1"], "--nonsense"),
    "missing input": (lambda t, s: ["--input", t / "nowhere"], "nowhere"),
    "empty input": (lambda t, s: ["--input", empty(t)], "empty"),
    "empty folder": (lambda t, s: ["--input", t / "none"], "none"),
    "truncated gzip": (lambda t, s: ["--input", truncated(t)], "truncated"),
    "time that does not parse": (lambda t, s: ["--input", s, "--as_of", "yesterday"], "--as_of yesterday"),
    "window of zero": (lambda t, s: ["--input", s, "--window_seconds", "0"], "--window_seconds"),
    "window that does not divide an hour": (
        lambda t, s: ["--input", s, "--window_seconds", "7"],
        "7 does not divide an hour",
    ),
    "missing key file": (lambda t, s: ["--input", s, "--pii_key_file", t / "key"], "--pii_key_file"),
    "unknown format": (lambda t, s: ["--input", s, "--format", "xml"], "--format"),
    "output in a bucket": (
        lambda t, s: ["--input", s, "--output", "gs://bucket/out"],
        "--output gs://bucket/out: not a folder on this machine; `launch replay` runs in the cloud",
    ),
    "output with a question mark": (lambda t, s: ["--input", s, "--output", t / "why?"], "question mark"),
    "fault script that is none": (lambda t, s: ["--input", s, "--faults", s], "--faults"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_written(tmp_path, source, mistake):
    words, named = MISTAKES[mistake]
    (tmp_path / "none").mkdir()
    code, _, err = run_command("local", "--output", tmp_path / "out", *words(tmp_path, source))
    assert code == 2
    assert named in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 2
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "why?").exists()


@pytest.mark.parametrize("name", ["", "orders.jsonl"], ids=["folder", "file"])
def test_folders_whose_names_are_patterns_are_read_written_and_replayed(tmp_path, source, name):
    folder, output = tmp_path / "in [1]", tmp_path / "out[a-z]*"
    source.parent.rename(folder)
    code, _, err = run_command("local", "--input", folder / name, "--output", output)
    assert code == 0, err
    assert json.loads((output / "summary.json").read_text())["received"] == 1
    day = ("--from", "2026-06-15T00:00:00Z", "--to", "2026-06-16T00:00:00Z")
    code, out, err = run_command("replay", "--output", output, "--mode", "rebuild", *day)
    assert code == 0, err
    assert "messages 1," in out + err


@pytest.mark.parametrize(("duplicates", "code"), [(0, 1), (1, 0)], ids=["no valid message", "one valid message"])
def test_an_input_without_a_valid_message_fails_and_names_the_next_commands(tmp_path, source, duplicates, code):
    bad = [message_line("orders", number, b"{}", "2026-06-15T12:00:00Z") for number in range(2, 5)]
    path = write_messages(tmp_path / "bad" / "orders.jsonl", bad)
    inputs = [path.parent, *([source.parent] if duplicates else [])]
    done, out, err = run_command("local", "--input", *inputs, "--output", tmp_path / "out")
    assert done == code
    if code:
        assert "none of the 3 messages is valid" in err
        assert f"dead-letters --output {tmp_path / 'out'} --group_by code,path" in err
        assert "event-pipelines explain MISSING_FIELD" in err
        assert len(err.strip().splitlines()) == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["dead_letters"], summary["difference"], summary["undelivered"]) == (3, None, {})
    assert "dead letters: MISSING_FIELD 3" in out


def test_an_output_that_is_not_empty_is_left_alone(tmp_path, source):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    code, _, err = run_command("local", "--input", source, "--output", tmp_path / "out")
    assert code == 2
    assert "--output" in err
    assert "--overwrite" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_overwrite_replaces_a_run_and_nothing_else(tmp_path, source):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    for _ in range(2):
        code, _, err = run_command("local", "--input", source, "--output", tmp_path / "out", "--overwrite")
        assert code == 0, err
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["received"] == 1


@pytest.mark.parametrize("words", [["--help"], ["local", "--help"]], ids=" ".join)
def test_help_shows_defaults_and_units(words):
    code, out, _ = run_command(*words)
    assert code == 0
    if words[0] == "local":
        assert "seconds (default: 60)" in " ".join(out.split())


@pytest.mark.parametrize("words", [[], ["nonsense"]], ids=["no command", "unknown command"])
def test_a_command_that_is_none_is_a_mistake(words):
    code, _, err = run_command(*words)
    assert code == 2
    assert "Traceback" not in err


def heed_ctrl_c():
    """In a process to be: a shell that starts the tests in the background lets all of them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_within_five_seconds_and_names_what_stays(tmp_path):
    folder = tmp_path / "in"
    assert run_command("simulate", "--output", folder, "--events", 60_000)[0] == 0
    command = [sys.executable, "-m", "pipelines", "local", "--input", str(folder), "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ, preexec_fn=heed_ctrl_c
    )
    try:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out").glob("lake/archive/*/*/*/*.avro")) and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        took = time.monotonic() - began
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert took < 5
    assert "no row was committed; the next command that writes deletes its files" in err
    assert "Traceback" not in err
