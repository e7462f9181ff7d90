"""Notices before long work: each in its case, and none otherwise."""

import pytest

from pipelines.cli import notices
from transforms.sources.file_ranges import FileRange

GIB = 1 << 30


def part(size: int, name: str = "orders.jsonl") -> FileRange:
    return FileRange(name, "messages", "orders", 0, size, name.endswith(".gz"))


@pytest.mark.parametrize(
    ("ranges", "workers", "method", "expected"),
    [
        ([part(GIB)], 1, "STREAMING_INSERTS", "--bigquery_method STREAMING_INSERTS takes about 43 minutes"),
        (
            [part(GIB, "a.jsonl.gz"), part(GIB // 4)],
            2,
            "STORAGE_WRITE",
            "--input a.jsonl.gz: a gzip file is read by a single worker",
        ),
        ([part(GIB)], 1, "STORAGE_WRITE", None),
        ([part(GIB)], 4, "STORAGE_WRITE", None),
        ([part(1 << 20)], 1, "STREAMING_INSERTS", None),
        ([part(GIB // 4, f"{n}.jsonl.gz") for n in range(8)], 2, "STORAGE_WRITE", None),
    ],
    ids=["slow inserts", "one gzip file", "one worker", "four workers", "small", "many gzip files"],
)
def test_notes_on_slow_options_of_a_batch_run(ranges, workers, method, expected):
    notes = list(notices.batch_run_notes(ranges, workers, method))
    assert len(notes) == (expected is not None)
    assert all(expected in note for note in notes)


def test_a_note_names_a_disk_that_is_too_small_even_if_the_folder_does_not_exist_yet(tmp_path):
    (note,) = notices.disk_notes(GIB, tmp_path / "a" / "b", free=GIB - 1)
    assert "1,024 MiB are free, about 1,024 MiB are needed" in note
    assert not list(notices.disk_notes(GIB, tmp_path / "a" / "b", free=GIB))
    assert not list(notices.disk_notes(1, tmp_path / "a" / "b"))


def test_a_note_names_files_that_are_skipped(tmp_path):
    for name in (
        "orders.jsonl",
        "truth.json",
        ".hidden.json",
        "_manifest-1.json",
        "b.ndjson",
        "a.json.gz",
        "README.md",
    ):
        (tmp_path / name).touch()
    (note,) = notices.folder_notes([str(tmp_path), str(tmp_path / "orders.jsonl")], (".jsonl", ".jsonl.gz", ".avro"))
    assert "a.json.gz is skipped (2 files in total); only *.jsonl, *.jsonl.gz, *.avro are read" in note
    (tmp_path / "b.ndjson").unlink()
    (tmp_path / "a.json.gz").unlink()
    assert not list(notices.folder_notes([str(tmp_path)], (".jsonl",)))


def test_a_note_names_an_emulator_that_overrides_the_project(monkeypatch):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    assert not list(notices.emulator_notes("prod"))
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    assert not list(notices.emulator_notes(None))
    (note,) = notices.emulator_notes("prod")
    assert "PUBSUB_EMULATOR_HOST=127.0.0.1:8085" in note


def test_notes_go_to_stderr(capsys):
    notices.print_notes(["a", "b"])
    assert capsys.readouterr() == ("", "note: a\nnote: b\n")
