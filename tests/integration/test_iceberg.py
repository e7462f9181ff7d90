"""Commits of the lake's files to Iceberg tables: each file once, bounded metadata, no file that no snapshot needs."""

import threading
import time
from pathlib import Path

import polars as pl
import pytest

from schemas.tables.lake import IOT_FEATURES, LAKE_FEEDS
from tests.support.iceberg_lake import held, hour, named, publish, table_in
from transforms.sinks.files.manifests import newest_files
from transforms.sinks.iceberg import catalog as catalog_module
from transforms.sinks.iceberg.catalog import open_catalog, read_settings
from transforms.sinks.iceberg.commit import RUN_ID, commit_windows
from transforms.sinks.iceberg.expire import expire_snapshots, remove_orphans

HOURS = [hour(number) for number in range(24)]


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake"
    root.mkdir()
    return root


@pytest.fixture
def table(tmp_path):
    return table_in(tmp_path / "iceberg")


def commit(table, lake, run_id, hours=HOURS, **more):
    return commit_windows(table, IOT_FEATURES, str(lake), hours, run_id, **more)


def data_files(table) -> list[Path]:
    return sorted(Path(table.location().removeprefix("file://")).glob("data/**/*.parquet"))


def run_ids(table) -> list[str]:
    return [snapshot.summary.additional_properties[RUN_ID] for snapshot in table.snapshots()]


def test_files_are_added_in_one_snapshot_and_superseded_ones_replaced_in_one_commit(lake, table):
    publish(lake, HOURS[:3], "r1")
    commit(table, lake, "r1")
    assert (held(table), run_ids(table)) == (named(lake, HOURS), ["r1"])
    publish(lake, HOURS[:1], "r2")
    commit(table, lake, "r2")
    assert held(table) == named(lake, HOURS)
    before = table.current_snapshot().snapshot_id
    publish(lake, HOURS[:2], "r3", replace=True)
    commit(table, lake, "r3")
    assert held(table) == named(lake, HOURS)
    assert run_ids(table) == ["r1", "r2", "r3", "r3"], "a delete and an append, published together"
    assert table.scan(snapshot_id=before).to_arrow().num_rows == 40, "a reader that has begun reads on"
    assert table.scan().to_arrow().num_rows == 30


def test_rows_of_a_table_are_those_of_the_files_and_columns_have_descriptions(lake, table):
    publish(lake, HOURS[:2], "r1")
    commit(table, lake, "r1")
    files = pl.read_parquet(str(lake / "ml" / "**" / "*.parquet"))
    assert pl.from_arrow(table.scan().to_arrow()).sort(pl.all()).equals(files.sort(pl.all()))
    assert [field.doc for field in table.schema().fields] == [column.description for column in IOT_FEATURES.columns]


def test_a_commit_id_is_refused_the_second_time(lake, table):
    publish(lake, HOURS[:1], "r1")
    assert commit(table, lake, "r1", commit_id="r1")
    publish(lake, HOURS[1:2], "r1")
    assert commit(table, lake, "r1", commit_id="r1") is None
    assert len(table.snapshots()) == 1
    assert commit(table, lake, "r2", commit_id="r2")
    assert held(table) == named(lake, HOURS)


def test_two_processes_that_commit_at_once_add_each_file_once(lake, tmp_path):
    publish(lake, HOURS[:4], "r1")
    tables = [table_in(tmp_path / "iceberg") for _ in range(3)]
    start, errors = threading.Barrier(3), []

    def work(table):
        try:
            start.wait()
            commit(table, lake, "r1")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert held(tables[0]) == named(lake, HOURS)


def test_a_file_that_left_the_folder_meanwhile_makes_the_commit_plan_again(lake, table):
    publish(lake, HOURS[:1], "r1")
    waits = []

    def sleep(
        seconds,
    ):  # the manifest that was read first names the file that is gone; the one that is read now does not
        waits.append(seconds)
        publish(lake, HOURS[:1], "r2", replace=True)

    [path] = newest_files(str(lake), IOT_FEATURES.folder, HOURS[:1])
    Path(path).unlink()
    commit(table, lake, "r2", sleep=sleep)
    assert len(waits) == 1
    assert held(table) == named(lake, HOURS)


def test_expired_snapshots_take_their_files_along_and_no_other(lake, table):
    for number in range(6):
        publish(lake, HOURS[:2], f"r{number}", replace=True)
        commit(table, lake, f"r{number}")
    assert expire_snapshots(table) == 0, "young ones stay"
    assert len(data_files(table)) == 12
    later = time.time() + 7200
    assert expire_snapshots(table, kept=1, now=later, slack=100) == 0
    assert expire_snapshots(table, kept=1, now=later, slack=0) > 0
    assert len(table.snapshots()) == 1
    assert sorted(path.name for path in data_files(table)) == held(table) == named(lake, HOURS)
    metadata = Path(table.location().removeprefix("file://")) / "metadata"
    manifests = {Path(manifest.manifest_path).name for manifest in table.current_snapshot().manifests(table.io)}
    assert {path.name for path in metadata.glob("*-m*.avro")} == manifests
    assert len(list(metadata.glob("snap-*.avro"))) == 1
    assert table.scan().to_arrow().num_rows == 20


def test_orphans_of_killed_commits_are_deleted_when_they_are_old(lake, table):
    publish(lake, HOURS[:1], "r1")
    commit(table, lake, "r1")
    orphan = data_files(table)[0].with_name("orphan.parquet")
    orphan.write_bytes(b"")
    assert remove_orphans(table) == 0
    assert remove_orphans(table, now=time.time() + 48 * 3600) == 1
    assert not orphan.exists()
    assert table.scan().to_arrow().num_rows == 10


def day_of_commits(lake, table, commits: int) -> list[float]:
    """Publish and commit one file per minute; return the seconds of each commit."""
    seconds = []
    for minute in range(commits):
        window = HOURS[minute // 60 % 24]
        publish(lake, [window], f"m{minute}", rows=2)
        began = time.monotonic()
        commit(table, lake, f"m{minute}", [window])
        expire_snapshots(table, kept_seconds=0)
        seconds.append(time.monotonic() - began)
    assert held(table) == named(lake, HOURS)
    assert len(table.snapshots()) <= 91
    metadata = Path(table.location().removeprefix("file://")) / "metadata"
    assert len(list(metadata.iterdir())) < 300, "bounded by the snapshots that stay"
    return seconds


def test_many_commits_have_bounded_metadata(lake, table):
    day_of_commits(lake, table, 110)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_day_of_commits_takes_milliseconds_each(lake, table):
    seconds = day_of_commits(lake, table, 1440)
    first, last = sorted(seconds[10:110]), sorted(seconds[-100:])
    print(
        f"median {first[50] * 1000:.0f} ms at the start, {last[50] * 1000:.0f} ms at the end, most {max(seconds):.2f} s"
    )
    metadata = list((Path(table.location().removeprefix("file://")) / "metadata").iterdir())
    print(f"{len(metadata)} metadata files, {sum(path.stat().st_size for path in metadata) >> 10} KiB")
    assert last[50] < 3 * first[50]


def tables(output: Path) -> dict[str, int]:
    """Return the rows of each table; its files must be those of the manifests."""
    settings = read_settings(str(output / "lake"))
    opened, found = open_catalog(settings), {}
    for feed in LAKE_FEEDS:
        table = catalog_module.load_table(opened, feed)
        partitions = sorted(str(path.relative_to(output / "lake" / feed.folder)) for path in
                            (output / "lake" / feed.folder).glob("dt=*/hour=*"))  # fmt: skip
        paths = newest_files(str(output / "lake"), feed.folder, partitions)
        assert held(table) == sorted(path.rpartition("/")[2] for path in paths)
        found[feed.name] = table.scan().to_arrow().num_rows
    return found
