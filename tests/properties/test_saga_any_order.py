"""Whatever the order, the repetition and the cuts in which facts come, a saga is the same; and it is the right one."""

from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.saga import reducer as saga_module
from schemas.saga.alert_events import saga_alert_events
from schemas.saga.facts import SagaFact, append_facts, decode_facts
from schemas.saga.reducer import DEFAULT_TIMEOUT_US, END_OF_INPUT_US, order_facts, reduce_saga
from schemas.saga.transitions import CLOSED, IMPOSSIBLE, MOVES, ROWS, AlertName, Input, Move, State
from tests.support.saga_examples import MINUTE_US, at, event_id, fact
from tests.support.saga_oracle import tell

SAGAS = settings(max_examples=500, deadline=None, database=None, derandomize=True)
FEWER = settings(SAGAS, max_examples=200)
START_US = at("11:00:00")


@st.composite
def saga_facts(draw: st.DrawFn, most: int = 10) -> list[SagaFact]:
    """Facts of one order: few times, skus and names, so that ties, gaps, matches and mismatches are common."""
    facts = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        event_type = draw(
            st.sampled_from(
                [
                    *("order.created", "order.updated", "cancelled", "order.completed"),
                    *("inventory.reserved", "inventory.reserved", "inventory.released", "inventory.released"),
                    *("payment.processed", "payment.failed"),
                ]
            )
        )
        fields: dict[str, Any] = {}
        if event_type == "cancelled":
            event_type, fields = "order.updated", {"status": "CANCELLED"}
        elif event_type.startswith("inventory"):
            fields["sku"] = draw(st.sampled_from(["SKU-1", "SKU-1", "SKU-2"]))
            fields["reservation_id"] = draw(st.sampled_from([None, "res-1", "res-2"]))
            fields["quantity"] = draw(st.integers(1, 3))
        elif event_type.startswith("payment"):
            fields["payment_id"] = draw(st.sampled_from(["pay-1", "pay-2"]))
        minutes = draw(st.sampled_from([0, 1, 2, 3, 10, 30, 31, 32, 61, 90, 200]))
        corr = draw(st.integers(1, 2))
        facts.append(fact(START_US + minutes * MINUTE_US, number, event_type, corr, **fields))
    return facts


NOW = st.sampled_from([None, START_US, START_US + 31 * MINUTE_US, START_US + 65 * MINUTE_US, END_OF_INPUT_US])


@SAGAS
@given(facts=saga_facts(), now_us=NOW)
def test_a_saga_equals_the_second_implementation_of_the_rules(facts: list[SagaFact], now_us: int | None) -> None:
    saga = reduce_saga("o", facts, now_us=now_us)
    told = tell(facts, now_us, DEFAULT_TIMEOUT_US)
    assert (saga.state, frozenset(saga.alerts), saga.deadline) == told


@SAGAS
@given(data=st.data(), facts=saga_facts(), now_us=NOW)
def test_order_and_repetition_make_no_difference(
    data: st.DataObject, facts: list[SagaFact], now_us: int | None
) -> None:
    again = data.draw(st.permutations([*facts, *data.draw(st.lists(st.sampled_from(facts), max_size=5))]))
    assert reduce_saga("o", again, now_us=now_us) == reduce_saga("o", facts, now_us=now_us)


@SAGAS
@given(data=st.data(), facts=saga_facts(), now_us=NOW)
def test_folding_in_parts_through_encoded_state_equals_folding_at_once(
    data: st.DataObject, facts: list[SagaFact], now_us: int | None
) -> None:
    arriving = data.draw(st.permutations(facts))
    stored, at_fact, versions = b"", 0, [0]
    while at_fact < len(arriving):
        size = data.draw(st.integers(1, 4))
        overlap = max(0, at_fact - data.draw(st.integers(0, 2)))
        stored = append_facts(stored, arriving[overlap : at_fact + size])
        at_fact += size
        versions += [reduce_saga("o", decode_facts(stored), now_us=now).version for now in (None, now_us)]
    assert reduce_saga("o", decode_facts(stored), now_us=now_us) == reduce_saga("o", facts, now_us=now_us)
    assert len(decode_facts(stored)) == len(facts)
    assert versions == sorted(versions)


@FEWER
@given(facts=saga_facts(), now_us=NOW)
def test_alerts_come_once_in_order_and_keep_what_was_raised_before(facts: list[SagaFact], now_us: int | None) -> None:
    saga = reduce_saga("o", facts, now_us=now_us)
    assert saga.alerts == tuple(alert.name for alert in saga.raised)
    assert len(set(saga.alerts)) == len(saga.alerts)
    assert [alert.time_us for alert in saga.raised] == sorted(alert.time_us for alert in saga.raised)
    assert {alert.event_id for alert in saga.raised} <= {fact.event_id for fact in facts}
    earlier = reduce_saga("o", facts, now_us=None)
    assert saga.raised[: len(earlier.raised)] == earlier.raised
    assert "SAGA_RECOVERED" not in saga.alerts or saga.alerts.index("SAGA_STUCK") < saga.alerts.index("SAGA_RECOVERED")
    ids = [event["eventId"] for event in saga_alert_events(saga)]
    assert len(set(ids)) == len(ids)


@FEWER
@given(facts=saga_facts())
def test_required_steps_are_in_compensation_order_and_were_requested(facts: list[SagaFact]) -> None:
    saga = reduce_saga("o", facts, now_us=None)
    for steps in (saga.compensations, *(request.steps for request in saga.requests)):
        ranks = [("refund", "release", "cancel").index(step.step) for step in steps]
        assert ranks == sorted(ranks)
    assert not saga.compensations or saga.requests
    asked = {step[:4]: step.quantity for request in saga.requests for step in request.steps}
    assert all(step.quantity <= asked[step[:4]] for step in saga.compensations)


@FEWER
@given(facts=saga_facts())
def test_a_later_fact_extends_the_history_and_never_rewrites_it(facts: list[SagaFact]) -> None:
    ordered = order_facts(facts)
    whole = reduce_saga("o", ordered, now_us=None)
    for length in range(1, len(ordered)):
        part = reduce_saga("o", ordered[:length], now_us=None)
        assert whole.raised[: len(part.raised)] == part.raised
        assert whole.requests[: len(part.requests)] == part.requests
        assert part.version < whole.version


class _CountingMoves(dict[State, dict[Input, Move]]):
    """The table, counting how often each cell is looked up."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[State, Input]] = Counter()
        cells = self.cells

        class Column(dict[Input, Move]):
            def __init__(self, state: State) -> None:
                super().__init__(MOVES[state])
                self.state = state

            def __getitem__(self, symbol: Input) -> Move:
                cells[self.state, symbol] += 1
                return super().__getitem__(symbol)

        super().__init__({state: Column(state) for state in State})


def _every_short_saga(longest: int) -> list[list[SagaFact]]:
    stock = {"sku": "SKU-1", "reservation_id": "res-1"}
    shapes: list[tuple[str, dict[str, Any]]] = [
        ("order.created", {}),
        ("order.updated", {"status": "SHIPPED"}),
        ("order.updated", {"status": "CANCELLED"}),
        ("order.completed", {}),
        ("inventory.reserved", {**stock, "quantity": 2}),
        ("inventory.released", {**stock, "quantity": 1}),
        ("inventory.released", {**stock, "quantity": 2}),
        ("inventory.released", {"sku": "SKU-2", "quantity": 1}),
        ("payment.processed", {"payment_id": "pay-1"}),
        ("payment.failed", {"payment_id": "pay-1"}),
    ]
    made = [[fact(START_US + n, n, name, **fields) for name, fields in shapes] for n in range(1, longest + 1)]
    return [list(facts) for n in range(1, longest + 1) for facts in product(*made[:n])]


def test_every_cell_of_the_table_is_exercised_by_all_sagas_of_up_to_four_facts(
    monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    counting = _CountingMoves()
    monkeypatch.setattr(saga_module, "MOVES", counting)
    sagas = _every_short_saga(4)
    for brisk in sagas:
        *before, last = brisk
        late = last._replace(event_time_us=last.event_time_us + DEFAULT_TIMEOUT_US)
        for facts in (brisk, [*before, late]):
            saga = reduce_saga("o", facts, now_us=None)
            assert (saga.state, frozenset(saga.alerts), saga.deadline) == tell(facts, None, DEFAULT_TIMEOUT_US)
    possible = set(product(State, Input)) - IMPOSSIBLE
    assert set(counting.cells) == possible
    by_row = [sum(counting.cells[cell] for cell in product(row.sources, row.inputs)) for row in ROWS]
    assert min(by_row) > 0
    record_property("sagas", len(sagas))
    record_property("fewest visits of a cell", min(counting.cells.values()))
    record_property("fewest visits of a row", min(by_row))


def test_every_alert_can_be_raised_in_one_saga() -> None:
    facts = [
        fact(START_US, 1, "inventory.released", sku="SKU-1", quantity=1),
        fact(START_US + 1, 2, "inventory.reserved", sku="SKU-1", quantity=1),
        fact(START_US + 31 * MINUTE_US, 3, "order.updated", status="CANCELLED"),
    ]
    saga = reduce_saga("o", facts, now_us=None)
    assert set(saga.alerts) == set(AlertName)
    assert saga.state in CLOSED
    assert saga.raised[0].event_id == event_id(1)
