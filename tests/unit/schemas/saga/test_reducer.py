"""The saga reducer gives the expected result for each golden example and corpus sequence (docs/sagas.md, decision 0006)."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.saga.facts import SagaFact, fact_from
from schemas.saga.reducer import END_OF_INPUT_US, order_facts, reduce_saga
from schemas.saga.transitions import AlertName, Input, Move, Row, State, expand
from schemas.timestamps import LATEST_US, parse_rfc3339
from tests.support.paths import DATA, SHARED
from tests.support.saga_examples import MINUTE_US, at, event_id, expected, fact, golden_fact, seen, spell

GOLDENS = sorted((DATA / "sagas").glob("*.json"))
CORPUS = SHARED / "corpus" / "messages.json"


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.stem)
def test_a_golden_saga_gives_the_expected_result(golden: Path) -> None:
    case = json.loads(golden.read_text())
    facts = [golden_fact(spec, position) for position, spec in enumerate(case["facts"], start=1)]
    want = expected(case["expect"])
    saw = seen(reduce_saga("ord-1", facts, now_us=END_OF_INPUT_US))
    assert {name: saw[name] for name in want} == want


def test_the_goldens_are_there() -> None:
    assert len(GOLDENS) >= 40


def _corpus_fact(event: dict[str, Any]) -> SagaFact | None:
    data = event["data"]
    return fact_from(
        order_id=data.get("orderId"),
        event_type=event["eventType"],
        event_id=event["eventId"],
        event_time_us=parse_rfc3339(event["eventTime"])[0],
        correlation_id=event["metadata"]["correlationId"],
        status=data.get("status"),
        payment_id=data.get("paymentId"),
        reservation_id=data.get("reservationId"),
        sku=data.get("sku"),
        quantity=data.get("quantity"),
    )


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared corpus is not beside this checkout")
def test_corpus_sequences_have_the_state_and_alerts_they_expect() -> None:
    checked = 0
    for sequence in json.loads(CORPUS.read_text())["sequences"]:
        expect = sequence["expect"]
        if not {"state", "alerts"} & expect.keys():
            continue
        facts = [fact for message in sequence["messages"] if (fact := _corpus_fact(message["event"]))]
        saga = reduce_saga("ord-1001", facts, now_us=END_OF_INPUT_US)
        assert list(saga.alerts) == expect["alerts"], sequence["id"]
        assert expect.get("state", saga.state) == saga.state, sequence["id"]
        checked += 1
    assert checked >= 5


def test_the_open_end_is_stuck_only_once_the_watermark_is_past_the_deadline() -> None:
    facts = [fact(at("11:00:00"), 1, "order.created")]
    alerts = [reduce_saga("o", facts, now_us=now).alerts for now in (None, at("11:30:00"), at("11:30:00") + 1)]
    assert alerts == [(), (), ("SAGA_STUCK",)]


def test_a_late_step_withdraws_a_stuck_alert() -> None:
    facts = [fact(at("11:00:00"), 1, "order.created"), fact(at("11:40:00"), 3, "order.completed")]
    late = fact(at("11:20:00"), 2, "payment.processed", payment_id="pay-1")
    before, after = (reduce_saga("o", some, now_us=END_OF_INPUT_US) for some in (facts, [*facts, late]))
    assert (before.alerts, after.alerts) == (("SAGA_STUCK", "SAGA_RECOVERED"), ())
    assert after.version > before.version


def test_the_timeout_is_the_callers() -> None:
    facts = [fact(at("11:00:00"), 1, "order.created"), fact(at("11:02:00"), 2, "order.completed")]
    alerts = [reduce_saga("o", facts, now_us=None, timeout_us=m * MINUTE_US).alerts for m in (1, 2)]
    assert alerts == [("SAGA_STUCK", "SAGA_RECOVERED"), ()]


def test_a_timeout_may_be_as_short_as_a_microsecond() -> None:
    facts = [fact(at("11:00:00"), 1, "order.created")]
    assert reduce_saga("o", facts, now_us=None, timeout_us=1).deadline == at("11:00:00") + 1


def test_stock_that_is_reserved_twice_under_one_name_is_held_together() -> None:
    facts = [_stock(number, "reserved", quantity=quantity) for number, quantity in ((1, 2), (2, 3))]
    saga = reduce_saga("o", [*facts, fact(at("11:00:03"), 3, "payment.failed", payment_id="pay-1")], now_us=None)
    assert [spell(step) for step in saga.compensations] == ["release SKU-1 x5 res-1", "cancel"]


@pytest.mark.parametrize(
    ("others", "state"),
    [pytest.param([], "RELEASED", id="nothing is left"), pytest.param(["SKU-2"], "RESERVED", id="something is left")],
)
def test_a_release_of_more_than_is_held_is_illegal_and_releases_what_is_there(others: list[str], state: str) -> None:
    held = [_stock(number, "reserved", sku) for number, sku in enumerate(["SKU-1", *others], start=1)]
    saga = reduce_saga("o", [*held, _stock(3, "released", quantity=9)], now_us=None)
    assert (saga.state, saga.alerts) == (state, ("ILLEGAL_TRANSITION",))


def _stock(number: int, what: str, sku: str = "SKU-1", quantity: int = 1) -> SagaFact:
    stock = {"sku": sku, "quantity": quantity, "reservation_id": "res-1"}
    return fact(at(f"11:00:0{number}"), number, f"inventory.{what}", **stock)


def test_unequal_facts_under_one_event_id_count_once_whatever_comes_first() -> None:
    plain = fact(at("11:00:00"), 1, "order.updated", status="SHIPPED")
    cancel = fact(at("11:00:00"), 1, "order.updated", status="CANCELLED")
    assert order_facts([plain, cancel]) == order_facts([cancel, plain]) == [plain]


def test_an_unequal_fact_under_a_known_event_id_raises_the_version_and_not_the_number_of_events() -> None:
    plain = fact(at("11:00:00"), 1, "order.updated", status="SHIPPED")
    cancel = fact(at("11:00:00"), 1, "order.updated", status="CANCELLED")
    sagas = [reduce_saga("o", given, now_us=None) for given in ([plain], [plain, plain], [plain, cancel])]
    assert [(saga.version, saga.events) for saga in sagas] == [(2, 1), (2, 1), (4, 1)]


@pytest.mark.parametrize(
    ("facts", "timeout_us", "message"),
    [
        pytest.param([], MINUTE_US, r"^a saga has at least one fact$", id="no facts"),
        pytest.param([fact(0, 1, "order.created")], 0, "timeout_us 0", id="no timeout"),
        pytest.param([SagaFact(0, event_id(1), "iot.telemetry", None, "")], MINUTE_US, "iot.telemetry", id="no saga"),
    ],
)
def test_bytes_that_are_not_a_saga_are_rejected(facts: list[SagaFact], timeout_us: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reduce_saga("o", facts, now_us=None, timeout_us=timeout_us)


@pytest.mark.parametrize(
    ("event_type", "order_id"),
    [("customer.updated", "ord-1"), ("iot.telemetry", None), ("inventory.reserved", None), ("inventory.released", "")],
)
def test_events_of_no_order_give_no_fact(event_type: str, order_id: str | None) -> None:
    made = fact_from(
        order_id=order_id, event_type=event_type, event_id=event_id(1), event_time_us=0, correlation_id=event_id(2)
    )
    assert made is None


def test_a_fact_keeps_no_free_text_of_a_status() -> None:
    statuses = [fact(0, 1, "order.updated", status=s).status for s in ("SHIPPED", "cancelled", None, "CANCELLED")]
    created = fact(0, 1, "order.created", status="CANCELLED").status
    assert [*statuses, created] == [None, None, None, "CANCELLED", None]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param((Row((State.START,), (Input.PAID, Input.PAID), None),), "two rows", id="claimed twice"),
        pytest.param((Row((State.START,), (Input.PAID,), None),), "no row", id="not total"),
    ],
)
def test_a_table_that_is_not_a_function_is_rejected(rows: tuple[Row, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand(rows)


def test_every_cell_of_the_transition_table_has_a_rule() -> None:
    opens = Row((State.START,), tuple(Input), State.CREATED)
    others = tuple(state for state in State if state is not State.START)
    stays = Row(others, tuple(Input), None, step=False, alert=AlertName.ILLEGAL_TRANSITION)
    stay = {state: dict.fromkeys(Input, Move(state, False, AlertName.ILLEGAL_TRANSITION)) for state in others}
    assert expand((opens, stays)) == {State.START: dict.fromkeys(Input, Move(State.CREATED, True, None)), **stay}


def test_a_deadline_beyond_the_last_timestamp_is_the_last_timestamp() -> None:
    created = SagaFact(LATEST_US - MINUTE_US, event_id(1), "order.created", None, event_id(9))
    saga = reduce_saga("o", [created], now_us=END_OF_INPUT_US, timeout_us=2 * MINUTE_US)
    assert (saga.deadline, [alert.time_us for alert in saga.raised]) == (LATEST_US, [LATEST_US])
    assert reduce_saga("o", [created], now_us=None, timeout_us=2**70).deadline == LATEST_US
