"""The batch and streaming forms of the sagas equal the reducer, for hundreds of orders at once."""

import pickle
from collections import Counter
from itertools import product
from random import Random

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing import test_stream
from apache_beam.transforms.window import TimestampedValue

from pipelines.runners.direct import counters
from schemas.saga import reducer as saga_module
from schemas.saga.reducer import END_OF_INPUT_US
from schemas.saga.transitions import IMPOSSIBLE, MOVES, Input, Move, State
from tests.support.live import need_prism_program
from tests.support.saga_events import (
    COLLECTED,
    MINUTE_US,
    START_US,
    alerts_of,
    arrivals,
    as_row,
    collect,
    event_batches,
    generated_orders,
    reduced,
    rows_of,
)
from tests.support.saga_test_stream import DAY_US, cut, moment, new_stream, stream_of
from transforms.event_batch import EventBatch
from transforms.sagas.batch import TrackSagas
from transforms.sagas.stream import AlertedRows, TrackedSagasStream, TrackSagasStream

ALL_MOVES = 800, 33
"""Count and seed of orders that take every possible move of the transition table."""


@pytest.fixture
def collected():
    COLLECTED.clear()
    yield COLLECTED
    COLLECTED.clear()


@pytest.fixture(scope="module")
def prism_options() -> PipelineOptions:
    flags = (
        "--runner=PrismRunner",
        f"--prism_location={need_prism_program()}",
        "--environment_type=LOOPBACK",
        "--max_cache_memory_usage_mb=0",
        "--experiments=prism_disable_sdf_split",
        # Beam shares one Prism a process, and a DirectRunner's attempt before may have made it without this place
        "--experiments=disable_prism_server_singleton",
    )
    return PipelineOptions(list(flags), save_main_session=False)


def tracked(pipeline: beam.Pipeline, stream: test_stream.TestStream, step: TrackSagasStream):
    batches = pipeline | stream | "Unpickle" >> beam.Map(pickle.loads).with_output_types(EventBatch)
    return batches | step


def gather(sagas) -> None:
    rows = sagas.rows
    if isinstance(sagas, TrackedSagasStream):
        rows = (rows, sagas.alerted | AlertedRows(run_id="r1")) | beam.Flatten()
    rows | "Rows" >> beam.Map(lambda rows: collect(rows.table, rows_of(rows.rows)))
    sagas.alerted | "Alerted" >> beam.Map(lambda some: collect("alerted", some))


def collected_rows(table: str) -> list[dict]:
    return [row for label, rows in COLLECTED if label == table for row in rows]


def standing_rows() -> dict[str, dict]:
    """Return what the view order_saga_current takes."""
    rows: dict[str, dict] = {}
    for row in collected_rows("order_sagas"):
        if row["order_id"] not in rows or row["version"] > rows[row["order_id"]]["version"]:
            rows[row["order_id"]] = row
    return rows


def expected_rows(orders) -> dict[str, dict]:
    return {order_id: as_row(saga, "r1") for order_id, saga in reduced(orders).items()}


def collected_alerts() -> list[tuple[str, str, int]]:
    return sorted((row["order_id"], row["alert"], row["alert_time"]) for row in collected_rows("saga_alerts"))


def test_the_generated_orders_take_every_move_of_the_table(monkeypatch):
    visits = Counter[tuple[State, Input]]()

    class Counting(dict):
        def __init__(self, state: State) -> None:
            super().__init__(MOVES[state])
            self._state = state

        def __getitem__(self, symbol: Input) -> Move:
            visits[self._state, symbol] += 1
            return super().__getitem__(symbol)

    monkeypatch.setattr(saga_module, "MOVES", {state: Counting(state) for state in State})
    reduced(generated_orders(*ALL_MOVES))
    assert set(visits) == set(product(State, Input)) - IMPOSSIBLE


@pytest.mark.parametrize("shards", [1, 7])
def test_the_batch_form_gives_the_rows_and_alerts_of_the_reducer(collected, shards):
    orders = generated_orders(*ALL_MOVES)
    facts = arrivals(orders)
    Random(1).shuffle(facts)
    batches = [batch for some in cut(facts, 100) for batch in event_batches(some)]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        sagas = pipeline | beam.Create(batches) | TrackSagas(run_id="r1", shards=shards)
        gather(sagas)
        sagas.clock | "Clock" >> beam.Map(lambda newest: collect("clock", newest))
    expected = reduced(orders)
    rows = collected_rows("order_sagas")
    assert len(rows) == len(orders)
    assert {row["order_id"]: row for row in rows} == expected_rows(orders)
    assert collected_alerts() == alerts_of(expected.values())
    assert sum(len(sagas) for label, sagas in COLLECTED if label == "alerted") == sum(
        bool(saga.raised or saga.requests) for saga in expected.values()
    )
    assert max(value for label, value in COLLECTED if label == "clock") == max(fact.publish_us for fact in facts)
    counted = counters(pipeline.result)
    assert {name: counted.get(name, 0) for name in ("saga_SAGA_STUCK", "saga_ILLEGAL_TRANSITION")} == {
        f"saga_{alert}": sum(alert in saga.alerts for saga in expected.values())
        for alert in ("SAGA_STUCK", "ILLEGAL_TRANSITION")
    }


def test_the_batch_form_of_no_events_gives_nothing(collected):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        gather(pipeline | beam.Create([], reshuffle=False) | TrackSagas(run_id="r1"))
    assert COLLECTED == []


def test_the_stream_on_prism_gives_the_rows_and_alerts_of_the_batch(collected, prism_options):
    orders = generated_orders(*ALL_MOVES)
    facts = arrivals(orders, delay_us=300_000)
    with beam.Pipeline(options=prism_options) as pipeline:
        gather(tracked(pipeline, stream_of(cut(facts, 100)), TrackSagasStream(run_id="r1")))
    assert standing_rows() == expected_rows(orders)
    assert collected_alerts() == alerts_of(reduced(orders).values())


def test_late_and_shuffled_facts_on_prism_end_in_the_rows_of_the_batch_and_no_alert_comes_twice(
    collected, prism_options
):
    orders = generated_orders(500, seed=23)
    facts = arrivals(orders)
    Random(2).shuffle(facts)
    pieces = [sorted(some, key=lambda item: item.publish_us) for some in cut(facts, 150)]
    with beam.Pipeline(options=prism_options) as pipeline:
        stream = new_stream().advance_watermark_to(moment(START_US - DAY_US))
        for number, some in enumerate(pieces):
            now = moment(START_US + number * 30 * MINUTE_US)
            stream = stream.add_elements([TimestampedValue(pickle.dumps(batch), now) for batch in event_batches(some)])
            stream = stream.advance_watermark_to(now)
        gather(tracked(pipeline, stream.advance_watermark_to_infinity(), TrackSagasStream(run_id="r1", shards=3)))
    assert standing_rows() == expected_rows(orders)
    raised = [(row["order_id"], row["alert"]) for row in collected_rows("saga_alerts")]
    assert len(raised) == len(set(raised))


def test_the_watermark_alone_makes_a_saga_stuck_and_a_later_step_recovers_it(collected, prism_options):
    facts = next(mine for mine in generated_orders(80, seed=5).values() if len(mine) == 4)
    [first, second, *_] = [
        arrival._replace(publish_us=arrival.publish_us) for arrival in arrivals({"o": _spaced(facts, [0, 90, 91, 92])})
    ]
    with beam.Pipeline(options=prism_options) as pipeline:
        stream = (
            new_stream()
            .advance_watermark_to(moment(first.publish_us - 1))
            .add_elements(_timed(first))
            .advance_watermark_to(moment(first.publish_us + 60 * MINUTE_US))
            .add_elements(_timed(second))
            .advance_watermark_to(moment(second.publish_us + MINUTE_US))
            .advance_watermark_to_infinity()
        )
        gather(tracked(pipeline, stream, TrackSagasStream(run_id="r1")))
    versions = [(row["version"], row["alerts"]) for row in collected_rows("order_sagas")]
    assert versions == [
        (2, []),
        (3, ["SAGA_STUCK"]),
        (4, ["SAGA_STUCK", "SAGA_RECOVERED"]),
        (5, ["SAGA_STUCK", "SAGA_RECOVERED"]),
    ]
    assert [alert for _, alert, _ in collected_alerts()] == ["SAGA_RECOVERED", "SAGA_STUCK"]


def test_a_fact_after_the_retention_is_counted_late_and_adds_no_row(collected, prism_options):
    facts = arrivals(
        {"o": _spaced(next(f for f in generated_orders(80, seed=5).values() if len(f) == 4), [0, 1, 2, 3])}
    )
    with beam.Pipeline(options=prism_options) as pipeline:
        stream = new_stream().advance_watermark_to(moment(facts[0].publish_us - 1))
        stream = stream.add_elements([item for fact in facts[:3] for item in _timed(fact)])
        stream = stream.advance_watermark_to(moment(facts[0].publish_us + 36 * 60 * MINUTE_US))
        stream = stream.add_elements(_timed(facts[3]._replace(publish_us=facts[0].publish_us + 37 * 60 * MINUTE_US)))
        gather(
            tracked(
                pipeline, stream.advance_watermark_to_infinity(), TrackSagasStream(run_id="r1", retention_us=DAY_US)
            )
        )
    assert max(row["events"] for row in collected_rows("order_sagas")) == 3
    assert counters(pipeline.result).get("saga_late") == 1


def _spaced(facts, minutes):
    return [
        fact._replace(event_time_us=START_US + minute * MINUTE_US) for fact, minute in zip(facts, minutes, strict=True)
    ]


def _timed(arrival) -> list[TimestampedValue]:
    [batch] = event_batches([arrival])
    assert isinstance(batch, EventBatch)
    return [TimestampedValue(pickle.dumps(batch), moment(min(arrival.publish_us, END_OF_INPUT_US)))]
