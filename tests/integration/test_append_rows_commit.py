"""A batch run is published as a whole: after its last bundle, table by table, events last; a failed run not at all."""

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.support.append_harness import SMALL, TABLES, Warehouse, batches, run, sent_ids, warehouse
from transforms.sinks.bigquery.appends import AppendLimits
from transforms.sinks.bigquery.bigquery import AppendRows
from transforms.sinks.bigquery.bigquery_tables import Connect
from transforms.sinks.bigquery.commit import CommitFn
from transforms.sinks.publish_gate import PublishRejected
from transforms.table_rows import Run, TableRows

ELEMENTS = batches("events", 400) + batches("order_events", 200) + batches("payment_events", 100)


def fail(element: Any) -> Any:
    raise ZeroDivisionError("another step of the run")


def test_if_another_step_fails_no_row_is_visible_and_the_next_run_is_complete(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        pipeline = beam.Pipeline(runner=FnApiRunner())
        rows = pipeline | beam.Create(ELEMENTS)
        gate = rows | beam.Map(fail)
        _ = rows | AppendRows(tables=TABLES, endpoint=server.target, limits=SMALL, gate=gate)
        with pytest.raises(Exception, match="another step"):
            pipeline.run()
        assert [server.ids(table) for table in TABLES.dataset_of] == [[], [], []]
        run(ELEMENTS, server)
        for table in TABLES.dataset_of:
            assert server.ids(table) == sent_ids(ELEMENTS, table)


@pytest.mark.parametrize(
    ("rejected", "visible"),
    [("order_events", []), ("payment_events", ["order_events"]), ("events", ["order_events", "payment_events"])],
)
def test_a_commit_that_fails_ends_the_run_before_the_events_are_seen(
    tmp_path: Path, rejected: str, visible: list[str]
) -> None:
    fault = {"on": "commit", "table": rejected, "status": "PERMISSION_DENIED"}
    with warehouse(tmp_path, fault) as server:
        with pytest.raises(Exception, match=rf"{rejected}: the commit of \d+ rows failed .*bigquery.tables.updateData"):
            run(ELEMENTS, server)
        for table in TABLES.dataset_of:
            assert server.ids(table) == (sent_ids(ELEMENTS, table) if table in visible else [])


def test_a_commit_that_stays_unavailable_ends_the_run_within_its_budget(tmp_path: Path) -> None:
    with warehouse(tmp_path, {"on": "commit", "status": "UNAVAILABLE"}) as server:
        with pytest.raises(Exception, match="UNAVAILABLE"):
            run(ELEMENTS, server, retry_budget_seconds=0.5)
        assert server.ids("events") == []


def sealed(server: Warehouse, elements: list[TableRows], limits: AppendLimits = SMALL) -> list[Any]:
    """Run one bundle by hand and give the streams that it names."""
    transform = AppendRows(tables=TABLES, endpoint=server.target, limits=limits)
    bundle = transform.append_fn()
    bundle.setup()
    bundle.start_bundle()
    for element in elements:
        assert list(bundle.process(element, timestamp=0)) == []
    out = [windowed.value for windowed in bundle.finish_bundle()]
    bundle.teardown()
    return out


def commit(server: Warehouse, streams: list[Any]) -> dict[str, int]:
    step = CommitFn(TABLES, Connect(server.target), 5.0)
    step.setup()
    counts = dict(step.process((0, streams)))
    step.teardown()
    return counts


def test_a_bundle_that_ran_twice_adds_nothing_twice(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        sealed(server, ELEMENTS)  # its output was lost with its worker
        second = sealed(server, ELEMENTS)
        assert server.ids("events") == []
        assert commit(server, second) == {"order_events": 200, "payment_events": 100, "events": 400}
        assert server.ids("events") == sent_ids(ELEMENTS, "events")


def test_a_commit_that_ran_twice_adds_nothing_twice(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        streams = sealed(server, ELEMENTS) + sealed(server, batches("events", 50, prefix="other-"))
        first = commit(server, [*streams, streams[0]])
        assert commit(server, streams) == first
        assert len(server.ids("events")) == 450


def test_a_bundle_left_half_done_does_not_leak_into_the_next(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        bundle = AppendRows(tables=TABLES, endpoint=server.target, limits=AppendLimits(max_rows=50)).append_fn()
        bundle.setup()
        bundle.start_bundle()
        for element in batches("events", 300, prefix="lost-"):
            assert list(bundle.process(element, timestamp=0)) == []
        bundle.start_bundle()
        for element in batches("events", 300):
            assert list(bundle.process(element, timestamp=0)) == []
        streams = [windowed.value for windowed in bundle.finish_bundle()]
        bundle.teardown()
        assert commit(server, streams) == {"events": 300}
        assert server.ids("events") == sent_ids(ELEMENTS, "events")[:300]


def test_streams_are_cut_by_size_so_that_a_bundle_needs_bounded_memory(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        streams = sealed(server, ELEMENTS, AppendLimits(max_rows=50, max_stream_bytes=4_000))
        assert len([part for part in streams if part[0] == "events"]) > 2
        assert commit(server, streams)["events"] == 400
        assert server.ids("events") == sent_ids(ELEMENTS, "events")


@pytest.mark.parametrize(
    "fault",
    [
        {
            "on": "append",
            "table": "order_events",
            "row_errors": {"column": "event_id", "equals": "order_events-000003"},
        },
        {"on": "append", "table": "order_events", "status": "UNAVAILABLE"},
        {"on": "create_stream", "table": "order_events", "status": "PERMISSION_DENIED"},
    ],
    ids=["row rejected", "retries exhausted", "no stream"],
)
def test_an_atomic_run_commits_no_table_if_a_row_was_rejected(tmp_path: Path, fault: dict[str, Any]) -> None:
    with warehouse(tmp_path, fault) as server:
        with pytest.raises(PublishRejected, match=r"run-1: nothing was published.* order_events: [\d]+ of 200 rows"):
            run(ELEMENTS, server, publish="all", run=Run("run-1", 0, "test"), retry_budget_seconds=0.5)
        assert [server.ids(table) for table in TABLES.dataset_of] == [[], [], []]


def test_rows_that_vanished_between_append_and_commit_stop_the_commit(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        streams = sealed(server, ELEMENTS)
        lost = next(part for part in streams if part[0] == "payment_events")
        with pytest.raises(PublishRejected, match="payment_events: 100 rows were made, but 0 appended"):
            commit(server, [part for part in streams if part is not lost])
        assert [server.ids(table) for table in TABLES.dataset_of] == [[], [], []]


def test_two_workers_write_one_run(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        with beam.Pipeline(
            runner=FnApiRunner(),
            options=beam.options.pipeline_options.PipelineOptions(
                ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
            ),
        ) as pipeline:
            rows = pipeline | beam.Create(ELEMENTS) | beam.Reshuffle()
            _ = rows | AppendRows(tables=TABLES, endpoint=server.target, limits=SMALL)
        for table in TABLES.dataset_of:
            assert server.ids(table) == sent_ids(ELEMENTS, table)
