"""A replay of the archive knows what the stream knew, whatever the order, repetition, cuts and watermark."""

from itertools import pairwise
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.message import Message
from schemas.tables.definitions import TABLES
from schemas.timestamps import SECOND_US
from schemas.views import all_views
from tests.support import replayed
from tests.support.duck_engine import DuckViews
from tests.support.replayed import START, Known, message, replay, stream, tables_of
from transforms.windows.features import FEATURES, features

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

PIPELINES = settings(max_examples=300, deadline=None, database=None, derandomize=True)
FOUND = settings(PIPELINES, phases=[Phase.generate])
"""A mutation has to be found, not made small."""
NOT_COMPARED = ("run_states", "replay_runs", "dead_letter_states", "order_saga_current")
VIEWS = [view for view in all_views() if view.name not in NOT_COMPARED]
ids = st.sampled_from(["a", "b"])
money = st.sampled_from(["0.1", "2", "99999999999999.000000001"])
DATA: dict[str, Any] = {
    "order.created": {"orderId": ids, "customerId": ids, "totalAmount": money, "items": st.just([]), "status": ids},
    "order.updated": {"orderId": ids, "status": st.sampled_from(["NEW", "CANCELLED"])},
    "order.completed": {"orderId": ids},
    "customer.updated": {"customerId": ids, "country": ids, "status": ids},
    "inventory.reserved": {"sku": ids, "quantity": st.integers(1, 3), "orderId": ids},
    "inventory.released": {"sku": ids, "quantity": st.integers(1, 3), "orderId": ids},
    "payment.processed": {"paymentId": ids, "orderId": ids, "amount": money, "currency": st.just("EUR")},
    "payment.failed": {"paymentId": ids, "orderId": ids, "amount": money, "currency": st.just("EUR")},
    "iot.telemetry": {"deviceId": ids, "metric": ids, "value": st.sampled_from([0.1, 0.2, 0.3, 1e16, -1e16, 1.0])},
}
KINDS = [*DATA, "iot.telemetry", "iot.telemetry", "iot.telemetry"]
times = st.sampled_from([0, 0.000001, 59.999999, 60, 599.5, 600, 3600]).map(lambda s: START + int(s * SECOND_US))
# Published before it happened (within and beyond 300 s), at once, and after its window's lateness.
delays = st.sampled_from([-301, -300, 0, 1, 61, 90_000]).map(lambda s: s * SECOND_US)


class Run(NamedTuple):
    """One history: batches as they arrived, when windows fired, where it restarted, and the archive in any order."""

    batches: list[list[Message]]
    fires: list[bool]
    restarts: list[bool]
    archive: list[Message]


@st.composite
def runs(draw: st.DrawFn) -> Run:
    sent: list[Message] = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=14))):
        event_time, data = draw(times), draw(st.fixed_dictionaries(DATA[kind]))
        for copy in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            sent.append(message(number, copy, kind, event_time, event_time + draw(delays), data))
    again = draw(st.lists(st.sampled_from(sent), max_size=5))  # delivered twice by the bus: the same message
    arrived = draw(st.permutations([*sent, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(arrived)), max_size=5)) | {0, len(arrived)})
    batches = [arrived[a:b] for a, b in pairwise(cuts)]
    flags = st.lists(st.booleans(), min_size=len(batches), max_size=len(batches))
    return Run(batches, draw(flags), draw(flags), draw(st.permutations(arrived)))


@pytest.fixture(scope="module")
def engine() -> DuckViews:
    return DuckViews(TABLES.values(), all_views())


def ordered(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(
        repr({key: value for key, value in row.items() if key not in ("run_id", "ingest_time")}) for row in rows
    )


def views_of(engine: DuckViews, known: Known) -> dict[str, list[str]]:
    engine.load(tables_of(known))
    return {f"{view.dataset}.{view.name}": ordered(engine.rows(view)) for view in VIEWS}


def same_aggregates(run: Run, **mutated: Any) -> None:
    """Assert that counts, features and sagas of stream and replay are equal, to the last bit."""
    streamed = stream(run.batches, run.fires, [False] * len(run.batches), **mutated)
    again = replay(run.archive, **mutated)
    assert streamed.counts == again.counts
    assert streamed.features == again.features
    assert streamed.sagas == again.sagas


@PIPELINES
@given(run=runs())
def test_counts_features_and_sagas_of_a_replay_are_those_of_the_stream(run: Run) -> None:
    same_aggregates(run)


@settings(
    PIPELINES, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(run=runs())
def test_views_of_a_rebuild_are_those_of_the_stream_also_where_restarts_lost_its_state(engine, run: Run) -> None:
    assert views_of(engine, stream(run.batches, run.fires, run.restarts)) == views_of(engine, replay(run.archive))


def by_arrival(measured: pa.Table, window_seconds: int) -> pa.Table:
    """Make features in the order of arrival: `first`, `last` and the sums of floats then depend on it."""
    order = pa.array(range(measured.num_rows), pa.int64())
    positions = measured.set_column(3, "event_time", order)
    windows = measured["event_time"].to_numpy() // (window_seconds * SECOND_US)
    parts = [
        features(positions.filter(pa.array(windows == window)), window_seconds)
        for window in sorted(set(windows.tolist()))
    ]
    return pa.concat_tables([FEATURES.empty_table(), *parts])


def test_the_order_of_arrival_instead_of_event_time_is_found() -> None:
    """The mutation: features go by arrival. It fails as soon as two measurements of a window come in another order."""

    @FOUND
    @given(run=runs())
    def mutated(run: Run) -> None:
        same_aggregates(run, make=by_arrival)

    with pytest.raises(AssertionError):
        mutated()


def test_the_wall_clock_instead_of_the_messages_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: an event's time is judged by the clock of the run. A replay, a year later, takes events that the
    stream rejected because they were ahead of their message by more than 300 s (TIME_RANGE).
    """
    plain = replayed.decode_batch
    clock = [START]

    def by_wall_clock(decoder: Any, messages: Any) -> Any:
        return plain(
            decoder,
            [Message(m.topic, m.message_id, max(m.publish_time, clock[0]), m.attributes, m.data) for m in messages],
        )

    monkeypatch.setattr(replayed, "decode_batch", by_wall_clock)

    @FOUND
    @given(run=runs())
    def mutated(run: Run) -> None:
        clock[0] = START
        streamed = stream(run.batches, run.fires, [False] * len(run.batches))
        clock[0] = START + 365 * 86_400 * SECOND_US
        assert streamed.counts == replay(run.archive).counts

    with pytest.raises(AssertionError):
        mutated()
