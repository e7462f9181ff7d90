"""CommitWindows: a streaming run commits once a minute, and a catalog that fails delays the commit only."""

import pytest
from apache_beam import Pipeline
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from tests.support.iceberg_lake import held, hour, named, publish, settings_in, table_in
from transforms.sinks.iceberg import commit_stream
from transforms.sinks.iceberg.commit_stream import CommitWindows

HOURS = [hour(number) for number in range(3)]


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake"
    root.mkdir()
    return root


def run(lake, folder, events) -> None:
    """Run the step on (seconds, file) and end the input."""
    stream = TestStream()
    for seconds, file in events:
        stream = stream.advance_watermark_to(seconds).add_elements([TimestampedValue(file, seconds)])
    with Pipeline(runner=BundleBasedDirectRunner()) as pipeline:
        _ = (
            pipeline
            | stream.advance_watermark_to_infinity()
            | "Commit" >> CommitWindows(settings=settings_in(folder), root=str(lake), run_id="s")
        )


def files(lake) -> list:
    return [file for number in range(9) for file in publish(lake, [HOURS[number % 3]], f"s{number}")]


def test_files_are_committed_once_a_minute(lake, tmp_path):
    folder = tmp_path / "iceberg"
    run(lake, folder, [(20 * number, file) for number, file in enumerate(files(lake))])
    table = table_in(folder)
    assert held(table) == named(lake, HOURS)
    assert 1 <= len(table.snapshots()) <= 4


def test_a_catalog_that_fails_delays_the_commit(lake, tmp_path, monkeypatch, caplog):
    calls, commit = [], commit_stream.commit_windows

    def failing(*args, **more):
        calls.append(args)
        if len(calls) <= 2:
            raise OSError("secret of a row")
        return commit(*args, **more)

    monkeypatch.setattr(commit_stream, "commit_windows", failing)
    run(lake, tmp_path / "iceberg", [(60 * number, file) for number, file in enumerate(files(lake))])
    assert held(table_in(tmp_path / "iceberg")) == named(lake, HOURS)
    assert len(calls) > 2
    assert "no commit to the Iceberg table of ml/iot_features: OSError" in caplog.text
    assert "secret" not in caplog.text


def test_a_late_firing_replaces_the_file_of_its_window(lake, tmp_path):
    first = publish(lake, HOURS[:1], "s1")
    again = publish(lake, HOURS[:1], "s2", replace=True)
    run(lake, tmp_path / "iceberg", [(0, first[0]), (90, again[0])])
    assert held(table_in(tmp_path / "iceberg")) == named(lake, HOURS)


def test_seconds_below_one_are_rejected(tmp_path):
    with pytest.raises(ValueError, match="seconds must be at least 1, got 0"):
        CommitWindows(settings=settings_in(tmp_path), root="lake", run_id="s", seconds=0)
