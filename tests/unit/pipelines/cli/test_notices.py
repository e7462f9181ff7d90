"""Notes before time is lost: each in its case, and none where there is nothing to say."""

import pytest

from pipelines.cli import notices as advice
from transforms.sources.file_ranges import FileRange

GIB = 1 << 30


def part(size: int, name: str = "orders.jsonl") -> FileRange:
    return FileRange(name, "messages", "orders", 0, size, name.endswith(".gz"))


@pytest.mark.parametrize(
    ("ranges", "workers", "method", "said"),
    [
        ([part(GIB)], 1, "STREAMING_INSERTS", "--bigquery_method STREAMING_INSERTS takes about 43 minutes"),
        ([part(GIB, "a.jsonl.gz"), part(GIB // 4)], 2, "STORAGE_WRITE", "--input a.jsonl.gz: one worker reads"),
        ([part(GIB)], 1, "STORAGE_WRITE", None),
        ([part(GIB)], 4, "STORAGE_WRITE", None),
        ([part(1 << 20)], 1, "STREAMING_INSERTS", None),
        ([part(GIB // 4, f"{n}.jsonl.gz") for n in range(8)], 2, "STORAGE_WRITE", None),
    ],
    ids=["slow inserts", "one gzip file", "one worker", "four workers", "small", "many gzip files"],
)
def test_what_a_bounded_run_is_told(ranges, workers, method, said):
    notes = list(advice.of_bounded_run(ranges, workers, method))
    assert len(notes) == (said is not None)
    assert all(said in note for note in notes)


def test_a_disk_that_is_too_small_is_told_even_of_a_folder_that_is_not_there_yet(tmp_path):
    (note,) = advice.of_disk(GIB, tmp_path / "a" / "b", free=GIB - 1)
    assert "1,024 MiB are free there and about 1,024 MiB are needed" in note
    assert not list(advice.of_disk(GIB, tmp_path / "a" / "b", free=GIB))
    assert not list(advice.of_disk(1, tmp_path / "a" / "b"))


def test_files_that_are_passed_over_are_told(tmp_path):
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
    (note,) = advice.of_folders([str(tmp_path), str(tmp_path / "orders.jsonl")], (".jsonl", ".jsonl.gz", ".avro"))
    assert "a.json.gz is passed over (2 in all); read are *.jsonl, *.jsonl.gz, *.avro" in note
    (tmp_path / "b.ndjson").unlink()
    (tmp_path / "a.json.gz").unlink()
    assert not list(advice.of_folders([str(tmp_path)], (".jsonl",)))


def test_an_emulator_beside_a_project_is_told(monkeypatch):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    assert not list(advice.of_emulator("prod"))
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    assert not list(advice.of_emulator(None))
    (note,) = advice.of_emulator("prod")
    assert "PUBSUB_EMULATOR_HOST=127.0.0.1:8085" in note


def test_notes_go_to_stderr(capsys):
    advice.say(["a", "b"])
    assert capsys.readouterr() == ("", "note: a\nnote: b\n")
