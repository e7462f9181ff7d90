"""Sagas of a stream stopped in the middle of orders' lives and started again over the same stores: as if it never stopped.

The runner's state dies with each run (Prism keeps it in memory); what the next one begins with is in the warehouse.
"""

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipelines.config import JobConfig
from pipelines.runners.direct import run_to_end
from pipelines.runners.prism import Prism, prism_flags
from pipelines.sinks import append_rows_streaming, tables_of
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from pipelines.stream_config import drained
from schemas.message import Message
from schemas.timestamps import SECOND_US, from_datetime
from tests.support.live import need_prism_program
from tests.support.runs import query
from tests.support.saga_events import MINUTE_US, START_US, alerts_of, arrivals, generated_orders, messages_of, reduced
from transforms.clock import Clock
from transforms.decode.decode import DecodeMessages
from transforms.sagas.history import SagaHistory
from transforms.sagas.stream import AlertedRows, TrackSagasStream
from transforms.sources.read_event_store import Store
from transforms.table_rows import Run, ToRows

DAY_US = 24 * 60 * MINUTE_US
END_US = START_US + 10 * DAY_US


def run(output: Path, run_id: str, messages: list[Message], stopped_at: int | None, recalls: bool = True) -> None:
    """Run the live job's steps for orders over messages; `stopped_at`: the clock when it was interrupted, or None at the input's end."""
    stream = TestStream().advance_watermark_to(Timestamp(micros=START_US - DAY_US))
    for start in range(0, len(messages), 100):
        some = messages[start : start + 100]
        stream = stream.add_elements([TimestampedValue(some, Timestamp(micros=some[0].publish_time))])
        stream = stream.advance_watermark_to(Timestamp(micros=(some[-1].publish_time // 1000 - 1) * 1000))
    clock: Clock = _At(END_US if stopped_at is None else stopped_at)
    target = Target.local(output)
    with open_stores(target, create=True) as endpoints, Prism(need_prism_program(), output / "prism.log") as prism:
        provision(endpoints, target)
        job = JobConfig(
            run=Run(run_id, START_US, "test"), lake=target.lake, temp=str(output / "temp"), project=target.project,
            event_store=target.event_store, analytics=target.analytics, write_endpoint=endpoints.write_endpoint,
        )  # fmt: skip
        history = SagaHistory(Store(target.project, endpoints.rest_url), tables_of(job), 0) if recalls else None
        track = TrackSagasStream(
            run_id=run_id, history=history, interrupted=None if stopped_at is None else drained, clock=clock
        )
        options = PipelineOptions(prism_flags(prism.endpoint), save_main_session=False)
        pipeline = beam.Pipeline(runner="PortableRunner", options=options)
        decoded = pipeline | stream.advance_watermark_to_infinity() | DecodeMessages(as_of=START_US, window_seconds=60)
        sagas = decoded.events | track
        rows = (
            decoded.events | ToRows(run=job.run),
            sagas.rows,
            sagas.alerted | AlertedRows(run_id=run_id),
        ) | beam.Flatten()
        rows | append_rows_streaming(job)
        run_to_end(pipeline)


class _At:
    def __init__(self, at: int) -> None:
        self._at = at

    def __call__(self) -> int:
        return self._at


def in_parts(messages: list[Message], parts: int) -> list[list[Message]]:
    size = -(-len(messages) // parts)
    return [messages[start : start + size] for start in range(0, len(messages), size)]


def stand(output: Path) -> dict[str, tuple[Any, ...]]:
    sql = (
        "select order_id, correlation_id, state, epoch_us(started_time), epoch_us(updated_time), epoch_us(deadline),"
        " events, alerts, version from analytics.order_saga_current"
    )
    return {row[0]: row[1:] for row in query(output, sql)}


def alerts(output: Path) -> list[tuple[Any, ...]]:
    found = query(output, "select order_id, alert, alert_time from analytics.saga_alerts")
    return sorted((order_id, alert, from_datetime(at)) for order_id, alert, at in found)


def rows(output: Path) -> list[tuple[Any, ...]]:
    return sorted(query(output, "select order_id, version, state, alerts from analytics.order_sagas"))


@pytest.fixture(scope="module")
def orders():
    return generated_orders(300, seed=51)


@pytest.fixture(scope="module")
def messages(orders) -> list[Message]:
    return messages_of(arrivals(orders, delay_us=300_000))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, messages) -> Path:
    output = tmp_path_factory.mktemp("undisturbed")
    run(output, "one", messages, None)
    return output


@pytest.fixture(scope="module")
def restarted(tmp_path_factory, messages) -> Path:
    output = tmp_path_factory.mktemp("restarted")
    *before, last = in_parts(messages, 3)
    for number, part in enumerate(before):
        run(output, f"part-{number}", part, part[-1].publish_time)
    run(output, "last", last, None)
    return output


def test_after_two_stops_every_order_equals_that_of_one_run(orders, undisturbed, restarted):
    expected = {
        order_id: (
            saga.correlation_id, saga.state.value, saga.started_time, saga.updated_time, saga.deadline, saga.events,
            list(saga.alerts), saga.version,
        )
        for order_id, saga in reduced(orders).items()
    }  # fmt: skip
    assert stand(undisturbed) == expected
    assert stand(restarted) == expected


def test_every_alert_has_one_row_as_in_one_run(orders, undisturbed, restarted):
    expected = alerts_of(reduced(orders).values())
    assert alerts(undisturbed) == expected
    assert alerts(restarted) == expected


def test_a_start_writes_no_row_that_exists(undisturbed, restarted):
    """Of an order in one bundle or two there are rows of one version or two: those of the restarted run are no more."""
    told = [(order_id, version) for order_id, version, *_ in rows(restarted)]
    assert len(told) == len(set(told))


def test_a_stop_calls_no_order_stuck_whose_deadline_is_to_come(tmp_path, messages):
    part = in_parts(messages, 3)[0]
    run(tmp_path, "stopped", part, part[-1].publish_time)
    now = part[-1].publish_time
    assert max(at for _, _, at in alerts(tmp_path)) <= now
    open_ones = [
        order for order in stand(tmp_path).values() if order[4] is not None and order[4] > now + 10 * SECOND_US
    ]
    assert len(open_ones) > 20
    assert all(version % 2 == 0 for *_, version in open_ones)


def test_without_the_stores_a_restart_gives_other_alerts(tmp_path, orders, messages):
    """What the other tests would see if the stores were not asked."""
    first, second = in_parts(messages, 2)
    run(tmp_path, "first", first, first[-1].publish_time, recalls=False)
    run(tmp_path, "second", second, None, recalls=False)
    assert alerts(tmp_path) != alerts_of(reduced(orders).values())
