"""Late data in the complete streaming graph: in every table, counted as late by its publish time, the latest pane exact."""

import json
import uuid

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipelines import streaming
from pipelines.config import JobConfig
from pipelines.runners.direct import run_to_end
from pipelines.runners.prism import Prism, prism_flags
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from pipelines.stream_config import StreamConfig
from schemas.message import Message
from schemas.tables.lake import LAKE_FEEDS
from schemas.timestamps import parse_rfc3339, to_rfc3339
from tests.support.iceberg_lake import held, settings_in
from tests.support.live import need_prism_program
from tests.support.runs import query
from transforms.sinks.files.manifests import newest
from transforms.sinks.iceberg.catalog import load_table, open_catalog
from transforms.table_rows import Run

DAY = "2026-06-15T"
LATENESS = 120


def us(clock: str) -> int:
    return parse_rfc3339(f"{DAY}{clock}Z")[0]


def message(event_clock: str, publish_clock: str, event_id: str = "", value: int = 1) -> TimestampedValue:
    """One telemetry message as a batch, at its publish time."""
    event = {
        "eventId": event_id or str(uuid.uuid4()),
        "eventType": "iot.telemetry",
        "eventTime": to_rfc3339(us(event_clock)),
        "source": "iot-gateway",
        "data": {"deviceId": "d1", "metric": "temp", "value": value},
        "metadata": {"correlationId": str(uuid.uuid4())},
    }
    published = us(publish_clock)
    message = Message("iot-events", uuid.uuid4().hex[:12], published, {}, json.dumps(event).encode())
    return TimestampedValue([message], Timestamp(micros=published))


def seconds(clock: str) -> Timestamp:
    return Timestamp(micros=us(clock))


def run_graph(stream: TestStream, output, runner: str, **live) -> None:
    target = Target.local(output)
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        job = JobConfig(
            run=Run("live", us("12:00:00"), "test"),
            lake=target.lake,
            temp=str(output / "temp"),
            project=target.project,
            event_store=target.event_store,
            analytics=target.analytics,
            write_endpoint=endpoints.write_endpoint,
            lateness_seconds=LATENESS,
            iceberg=settings_in(output / "iceberg"),
        )
        config = StreamConfig(topics=["iot-events", "orders"], clock=end_of_test, **live)
        if runner == "direct":
            options = PipelineOptions(["--streaming"], save_main_session=False)
            pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
            streaming.build(pipeline, stream, job, config)
            run_to_end(pipeline)
            return
        with Prism(need_prism_program(), output / "prism.log") as prism:
            options = PipelineOptions(prism_flags(prism.endpoint), save_main_session=False)
            pipeline = beam.Pipeline(runner="PortableRunner", options=options)
            streaming.build(pipeline, stream, job, config)
            run_to_end(pipeline)


def end_of_test() -> int:
    return us("12:05:00")


@pytest.mark.parametrize("runner", ["prism", "direct"])
def test_late_events_are_in_every_table_and_the_newest_pane_has_those_within_lateness(tmp_path, runner):
    stream = (
        TestStream()
        .advance_watermark_to(seconds("12:00:00"))
        .add_elements([message("12:00:10", "12:00:11"), message("12:00:12", "12:00:13")])
        .add_elements([message("12:01:40", "12:00:14")])
        .advance_watermark_to(seconds("12:01:30"))
        .add_elements([message("12:00:20", "12:02:00")])
        .advance_watermark_to(seconds("13:29:00"))
        .add_elements([message("12:00:30", "13:30:00")])
        .advance_watermark_to_infinity()
    )
    run_graph(stream, tmp_path, runner)

    assert query(tmp_path, "select count(*) from event_store.events") == [(5,)]
    assert query(tmp_path, "select count(*) from analytics.iot_telemetry") == [(5,)]
    first = "window_start = '2026-06-15 12:00:00+00'"
    panes = query(
        tmp_path, f"select pane, events from analytics.event_counts where run_id = 'live' and {first} order by pane"
    )
    assert panes[0] == (0, 2), "on time"
    assert panes[-1][0] >= 1
    assert panes[-1][1] == 3, "late, within lateness"
    beyond = query(tmp_path, "select pane, events from analytics.event_counts where run_id like 'live/late/%'")
    assert beyond == [(0, 1)], "beyond lateness"
    current = query(tmp_path, "select events from analytics.event_counts_current order by window_start")
    assert current == [(4,), (1,)], "one was early: its window had not begun when it came"
    assert query(tmp_path, "select sum(late), sum(valid) from analytics.pipeline_metrics") == [(1, 5)]
    manifests = sorted(tmp_path.glob("lake/ml/iot_features/dt=*/hour=12/_manifest-*.json"))
    standing = newest(str(tmp_path / "lake"), "ml/iot_features", "/".join(manifests[0].parts[-3:-1]))["files"]
    assert sorted(file["name"].split("-")[1] for file in standing) == ["120000", "120100"]
    plain = {path.name for path in manifests[0].parent.glob("*.parquet")}
    assert plain == {file["name"] for file in standing}, "superseded firings have left the folder"
    for feed in LAKE_FEEDS:
        table = load_table(open_catalog(settings_in(tmp_path / "iceberg")), feed)
        assert held(table) == sorted(path.name for path in tmp_path.glob(f"lake/{feed.folder}/*/*/*.parquet"))
        assert {snapshot.summary.additional_properties["run_id"] for snapshot in table.snapshots()} == {"live"}
    superseded = list(tmp_path.glob("lake/.superseded/live/ml/iot_features/dt=*/hour=12/*.parquet"))
    assert len(superseded) == len(manifests) - len(plain)


@pytest.mark.parametrize(
    "runner", ["direct"]
)  # Prism's TestStream takes the next event before what is due; test_stream_early.py
def test_an_open_window_is_counted_early_where_it_is_wanted(tmp_path, runner):
    stream = (
        TestStream()
        .advance_watermark_to(seconds("12:00:00"))
        .add_elements([message("12:00:10", "12:00:11")])
        .advance_processing_time(10)
        .add_elements([message("12:00:20", "12:00:21")])
        .advance_watermark_to(seconds("12:01:30"))
        .add_elements([message("12:00:30", "12:01:31")])
        .advance_watermark_to_infinity()
    )
    run_graph(stream, tmp_path, runner, early_seconds=5)
    panes = query(tmp_path, "select pane, events from analytics.event_counts order by pane")
    assert panes[:3] == [(0, 1), (1, 2), (2, 3)], "early, on time, late"
    assert {events for _, events in panes[3:]} <= {3}


@pytest.mark.parametrize("runner", ["prism", "direct"])
def test_an_id_is_remembered_for_the_horizon_and_then_forgotten(tmp_path, runner):
    name = str(uuid.uuid4())
    first = message("12:00:10", "12:00:11", name)
    stream = (
        TestStream()
        .advance_watermark_to(seconds("12:00:00"))
        .add_elements([first])
        .advance_watermark_to(seconds("12:05:00"))
        .add_elements([first])
        .advance_watermark_to(seconds("12:25:00"))
        .add_elements([first])
        .advance_watermark_to_infinity()
    )
    run_graph(stream, tmp_path, runner, dedup_horizon_seconds=600)
    assert query(tmp_path, "select count(*) from event_store.events") == [(2,)]
    assert query(tmp_path, "select count(*) from event_store.events_distinct") == [(1,)]
    assert query(tmp_path, "select sum(duplicates) from analytics.pipeline_metrics") == [(1,)]


@pytest.mark.parametrize("runner", ["prism", "direct"])
def test_a_silent_topic_has_a_row_for_every_window(tmp_path, runner):
    stream = (
        TestStream()
        .advance_watermark_to(seconds("12:00:00"))
        .add_elements([message("12:00:10", "12:00:11")])
        .advance_watermark_to(seconds("12:03:30"))
        .add_elements([message("12:03:31", "12:03:32")])
        .advance_watermark_to(seconds("12:05:00"))
    )
    run_graph(stream, tmp_path, runner)
    rows = query(
        tmp_path,
        "select topic, strftime(window_start, '%H:%M'), received from analytics.pipeline_metrics"
        " where window_start < '2026-06-15 12:04:00+00' order by 1, 2",
    )
    counts = {"12:00": 1, "12:01": 0, "12:02": 0, "12:03": 1}
    assert rows == [
        *(("iot-events", window, received) for window, received in counts.items()),
        *(("orders", window, 0) for window in counts),
    ]
    alerts = query(
        tmp_path,
        "select strftime(window_start, '%H:%M'), alerts from analytics.pipeline_metrics"
        " where topic = 'iot-events' and len(alerts) > 0 order by 1",
    )
    assert alerts[:3] == [("12:00", ["LAG"]), ("12:01", ["LAG_END"]), ("12:03", ["LAG"])]


def test_dead_letters_are_written_in_time_though_windows_stay_open_for_late_events(tmp_path):
    def bad(clock: str) -> TimestampedValue:
        message = Message("iot-events", uuid.uuid4().hex[:12], us(clock), {}, b"{")
        return TimestampedValue([message], Timestamp(micros=us(clock)))

    stream = (
        TestStream()
        .advance_watermark_to(seconds("12:00:00"))
        .add_elements([message("12:00:10", "12:00:11"), bad("12:00:12")])
        .advance_watermark_to(seconds("12:05:00"))
        .add_elements([bad("12:05:01")])
        .advance_watermark_to_infinity()
    )
    run_graph(stream, tmp_path, "prism", flush_seconds=30)
    files = sorted(tmp_path.glob("lake/dead_letters/dt=*/*.jsonl"))
    assert [len(path.read_text().splitlines()) for path in files] == [1, 1]
