"""`event-pipelines lake`: ls, files, verify, prune and compact, on a folder."""

import io
import json
import shutil
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli.main import main
from pipelines.lake import compact as compact_module
from pipelines.lake.verify import file_sha256
from tests.support.lake_runs import DAY, run_local
from transforms.sinks.files.files import FileContent, stage_file
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import publish_files
from transforms.sinks.files.telemetry import FEED, TELEMETRY_SCHEMA

HOUR = "dt=2026-06-15/hour=12"


def lake(*words) -> int:
    return main(["lake", *map(str, words)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    for number, append in enumerate(([], ["--append"], ["--append"])):
        run_local(folder, f"in{number}", range(10 * number, 10 * number + 6), *append)
    return folder / "out"


@pytest.fixture
def output(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def rows_of(output: Path, feed: str = FEED) -> list[dict]:
    paths = sorted((output / "lake" / feed).glob("*/*/*.parquet"))
    table = pa.concat_tables([pq.ParquetFile(path).read() for path in paths])
    return table.sort_by([("event_id", "ascending")]).to_pylist()


def test_ls_counts_what_the_manifests_name(output, capsys):
    assert lake("ls", "--output", output) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["feed", "windows", "files", "rows", "bytes", "hidden"]
    found = {line[0]: line[1:4] for line in lines[1:]}
    assert found[FEED] == ["2", "6", "18"]
    assert found["archive/iot-events"][2] == "18"


def test_files_are_paths_for_any_reader(output, capsys):
    assert lake("files", "iot_telemetry", "--output", output) == 0
    paths = capsys.readouterr().out.split()
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in paths) == 18
    hour = ["--from", "2026-06-15T13:00:00Z", "--to", "2026-06-15T14:00:00Z"]
    assert lake("files", "iot_telemetry", "--output", output, *hour) == 0
    paths = capsys.readouterr().out.split()
    assert {Path(path).parent.name for path in paths} == {"hour=13"}
    assert len(paths) == 3


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "has another sha256"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes; its manifest says"),
        (lambda path: path.unlink(), "is missing; its manifest names it"),
    ],
    ids=["flipped", "cut", "missing"],
)
def test_verify_names_a_damaged_file_and_fails(output, capsys, damage, message):
    assert lake("verify", "--output", output) == 0
    assert "0 damaged" in capsys.readouterr().out
    path = sorted((output / "lake" / "archive" / "iot-events" / HOUR).glob("*.avro"))[0]
    damage(path)
    assert lake("verify", "--output", output) == 1
    shown = capsys.readouterr()
    assert f"archive/iot-events/{HOUR}/{path.name}: " in shown.out
    assert message in shown.out
    assert "1 of " in shown.err


def test_verify_reports_a_file_that_no_manifest_names_without_failing(output, capsys):
    (output / "lake" / FEED / HOUR / "stranger.parquet").write_bytes(b"")
    assert lake("verify", "--output", output) == 0
    assert f"{FEED}/{HOUR}/stranger.parquet: is named by no manifest" in capsys.readouterr().out


def test_compact_joins_the_files_of_an_hour_and_keeps_every_row(output, capsys):
    before = rows_of(output)
    archived = records_of(output)
    assert lake("compact", "--output", output) == 0
    assert "joined" in capsys.readouterr().out
    assert rows_of(output) == before
    assert records_of(output) == archived
    for feed, pattern in ((FEED, "*.parquet"), ("archive/iot-events", "*.avro")):
        assert len(list((output / "lake" / feed / HOUR).glob(pattern))) == 1
    manifest = newest(str(output / "lake"), FEED, HOUR)
    assert (len(manifest["files"]), manifest["rows"]) == (1, 9)
    assert lake("verify", "--output", output) == 0
    capsys.readouterr()
    assert lake("compact", "--output", output) == 0
    assert "joined 0 files into 0 in 0 windows" in capsys.readouterr().out
    assert main(["replay", "--output", str(output), "--mode", "rebuild", *DAY]) == 0
    assert rows_of(output) == before


def records_of(output: Path) -> list[str]:
    found = []
    for path in (output / "lake" / "archive").glob("*/*/*/*.avro"):
        with path.open("rb") as file:
            found += [json.dumps(record, sort_keys=True, default=repr) for record in fastavro.reader(file)]
    return sorted(found)


def test_compact_of_a_damaged_file_changes_nothing(output, capsys):
    path = sorted((output / "lake" / FEED / HOUR).glob("*.parquet"))[0]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    names = sorted(path.name for path in (output / "lake" / FEED / HOUR).iterdir())
    assert lake("compact", "iot_telemetry", "--output", output) == 1
    assert f"{path.name}: is damaged" in capsys.readouterr().err
    assert sorted(path.name for path in (output / "lake" / FEED / HOUR).iterdir() if path.name[0] != ".") == names


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["stage_file", "publish"])
def test_a_killed_compaction_leaves_every_row_once(output, monkeypatch, where):
    before = rows_of(output)

    def dies(*args, **more):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(compact_module, where, dies)
        with pytest.raises(Killed):
            lake("compact", "--output", output)
    assert rows_of(output) == before
    assert lake("compact", "--output", output) == 0
    assert rows_of(output) == before


def test_telemetry_of_earlier_versions_becomes_parquet(tmp_path, capsys):
    schema = {
        "type": "record",
        "name": "iot_telemetry",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "device_id", "type": ["null", "string"]},
            {"name": "metric", "type": ["null", "string"]},
            {"name": "value", "type": ["null", "double"]},
            {"name": "unit", "type": ["null", "string"]},
        ],
    }
    record = {
        "event_id": "e",
        "event_time": 1,
        "publish_time": 2,
        "device_id": "d",
        "metric": "m",
        "value": 0.5,
        "unit": None,
    }
    out = io.BytesIO()
    fastavro.writer(out, schema, [record])
    root = tmp_path / "out" / "lake"
    file = stage_file(str(root), FileContent(FEED, HOUR, "avro", 1, out.getvalue()), "old")
    publish_files(str(root), [file], "old", replace=False)
    assert lake("files", "iot_telemetry", "--lake", root) == 0
    assert capsys.readouterr().out.strip().endswith(".avro")
    assert lake("compact", "--lake", root) == 0
    [path] = (root / FEED / HOUR).glob("*.parquet")
    assert pq.ParquetFile(path).read().schema.equals(TELEMETRY_SCHEMA)
    assert pq.ParquetFile(path).read().column("value").to_pylist() == [0.5]
    assert not list((root / FEED / HOUR).glob("*.avro"))


def test_prune_deletes_what_was_superseded_long_ago(output, capsys):
    assert lake("compact", "--output", output) == 0
    superseded = output / "lake" / ".superseded"
    assert any(path.is_file() for path in superseded.rglob("*"))
    hidden = output / "lake" / FEED / HOUR / ".left-by-a-kill.parquet.tmp"
    hidden.write_bytes(b"")
    assert lake("prune", "--output", output) == 0
    assert any(path.is_file() for path in superseded.rglob("*")), "younger than 7 days"
    assert not hidden.exists()
    assert lake("prune", "--output", output, "--older_than", "0d") == 0
    assert "deleted" in capsys.readouterr().out
    assert list(superseded.iterdir()) == []
    assert len(rows_of(output)) == 18


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ls", "--output", "nowhere"], "--output nowhere: there is no lake in it"),
        (["ls", "--lake", "nowhere"], "--lake nowhere: there is no lake in it"),
        (["prune", "--output", "OUT", "--older_than", "week"], "--older_than week: not an age like 7d or 12h"),
        (["prune", "--output", "OUT", "--older_than=-1d"], "--older_than -1d: not an age"),
        (["files", "orders", "--output", "OUT"], "FEED orders: no such feed; the lake has archive/iot-events"),
        (["files", "iot_telemetry", "--output", "OUT", "--from", "noon"], "--from noon: not a time"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_users_mistake_is_named(finished, capsys, words, message):
    assert lake(*[finished if word == "OUT" else word for word in words]) == 2
    assert message in capsys.readouterr().err


def test_a_manifest_has_the_sha256_of_its_files(output):
    manifest = newest(str(output / "lake"), FEED, HOUR)
    for entry in manifest["files"]:
        assert file_sha256(str(output / "lake" / FEED / HOUR / entry["name"])) == entry["sha256"]
