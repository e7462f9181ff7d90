"""Input of a replay: rows of the store equal their messages, filters select as documented, trees have causes."""

import itertools
import json
from datetime import UTC, datetime
from operator import itemgetter

import pytest

from pipelines.replay.event_store_source import QUERIES, store_queries
from pipelines.replay.redrive.plan import plan_redrive
from pipelines.replay.redrive.stored import StoredDeadLetter
from pipelines.stores.target import Target
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.event_lineage import as_tree
from schemas.message import Message, NotAMessage, parse_line
from schemas.saga.entity_state import newest_states, order_states, saga_fact
from schemas.saga.facts import SagaFact
from schemas.timestamps import SECOND_US, from_datetime, to_datetime
from tests.support.golden import golden_cases
from transforms.sources.filter_messages import MessageFilter
from transforms.sources.read_event_store import COLUMNS, message_of

DECODER = Decoder()
AT = from_datetime(datetime(2026, 6, 15, 12, tzinfo=UTC))
HOUR_US = 3600 * SECOND_US


def golden_events() -> list[Event]:
    found = []
    for _, line in golden_cases():
        message = parse_line(line, "orders")
        outcome = DECODER.decode(message) if isinstance(message, Message) else None
        if isinstance(outcome, Event):
            found.append(outcome)
    return found


def test_a_row_of_the_store_is_the_event_it_came_from():
    events = golden_events()
    assert len(events) > 20
    for event in events:
        cells = {name: getattr(event, name) for name in COLUMNS}
        cells |= {name: to_datetime(cells[name]) for name in ("event_time", "publish_time")}
        again = DECODER.decode(message_of([cells[name] for name in COLUMNS]))
        assert isinstance(again, Event), again
        same = ("event_id", "event_type", "event_time", "entity_id", "data", "extensions", "content", "payload", "amount",
                "message_id", "publish_time", "causation_id", "correlation_id", "topic", "source")  # fmt: skip
        assert [getattr(again, name) for name in same] == [getattr(event, name) for name in same]


def order(number: int, publish: int = AT, event_time: int = AT, **data: str) -> Message:
    envelope = {
        "eventId": f"00000000-0000-4000-8000-{number:012d}", "eventType": "order.completed",
        "eventTime": to_datetime(event_time).isoformat(), "source": "order-service",
        "data": {"orderId": "o-1", **data}, "metadata": {"correlationId": "00000000-0000-4000-8000-00000000ffff"},
    }  # fmt: skip
    return Message("orders", str(number), publish, {}, json.dumps(envelope).encode())


BAD = Message("orders", "9", AT, {}, b"{")
BAD_ORDER = order(8, orderId="")


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        pytest.param(MessageFilter(AT, AT + 1), "ok bad bad-order", id="range"),
        pytest.param(MessageFilter(AT + 1, AT + 2), "", id="after"),
        pytest.param(MessageFilter(AT - 1, AT), "", id="the end is outside"),
        pytest.param(MessageFilter(AT, AT + 1, topics=("customers",)), "", id="topic"),
        pytest.param(MessageFilter(AT, AT + 1, event_types=("order.completed",)), "ok bad-order", id="event type"),
        pytest.param(MessageFilter(AT, AT + 1, event_types=("order.created",)), "", id="another event type"),
        pytest.param(MessageFilter(AT, AT + 1, entity="o-1"), "ok", id="entity"),
        pytest.param(MessageFilter(AT, AT + 1, correlation_id="00000000-0000-4000-8000-00000000ffff"), "ok", id="flow"),
        pytest.param(MessageFilter(AT, AT + 1, "event_time"), "ok", id="event time: what is dead has none"),
    ],
)
def test_a_filter_selects_the_named_messages(choice, taken):
    messages = {"ok": order(1), "bad": BAD, "bad-order": BAD_ORDER, "line": NotAMessage("orders", b"", "", "")}
    assert " ".join(name for name, message in messages.items() if choice.takes(message, DECODER)) == taken


@pytest.mark.parametrize("hours", [1, 2, 63, 64, 65, 24 * 400])
def test_queries_of_the_store_cover_a_range_once(hours):
    choice = MessageFilter(AT + 5, AT + hours * HOUR_US - 7)
    queries = store_queries(Target("local"), choice)
    assert 1 <= len(queries) <= QUERIES + 1
    edges = [part.split("'")[1::2] for part in queries]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))
    assert (edges[0][0], edges[-1][1]) == (
        "2026-06-15T12:00:00.000005Z",
        to_datetime(choice.end).isoformat().replace("+00:00", "Z"),
    )


@pytest.mark.parametrize(
    ("causes", "tree"),
    [
        pytest.param({"a": None, "b": "a", "c": "gone", "d": "b", "e": "a"}, "a 1b 2d 1e c", id="two roots"),
        pytest.param({"x": "y", "y": "x", "w": "x", "z": "z"}, "z x 1y 1w", id="one among circles"),
        pytest.param({"x": "y", "y": "x"}, "x 1y", id="nothing but a circle"),
    ],
)
def test_a_tree_has_every_event_once_under_its_cause(causes, tree):
    found = as_tree(list(causes.items()), itemgetter(0), itemgetter(1))
    assert " ".join(f"{depth or ''}{name}" for depth, (name, _) in found) == tree


def test_a_chain_of_ten_thousand_causes_is_a_tree():
    names = [str(number) for number in range(10_000)]
    tree = list(as_tree(names, lambda name: name, lambda name: str(int(name) - 1) if name != "0" else None))
    assert tree[-1] == (9_999, "9999")


def test_states_after_each_event():
    base = {"correlation_id": "c", "event_time": to_datetime(AT), "order_id": "o"}
    rows = [
        {**base, "event_id": "1", "event_type": "order.created"},
        {**base, "event_id": "2", "event_type": "customer.updated"},
        {**base, "event_id": "3", "event_type": "inventory.reserved", "sku": "s", "quantity": 1},
        {**base, "event_id": "4", "event_type": "order.updated", "status": "CANCELLED"},
    ]
    assert list(order_states("o", rows)) == ["CREATED", "", "RESERVED", "CANCELLED COMPENSATION_ORDER"]
    told = [{"event_type": "customer.updated", "country": "DE"}, {"event_type": "order.created", "status": "NEW"},
            {"event_type": "customer.updated", "country": None, "status": "VIP"}]  # fmt: skip
    assert list(newest_states(told, ("country", "status"), "customer.")) == ["country=DE", "", "country=DE status=VIP"]
    assert list(newest_states(told, ("status",))) == ["", "status=NEW", "status=VIP"]


def test_an_alert_of_the_first_event_is_published():
    row = {"correlation_id": "c", "event_time": to_datetime(AT), "event_id": "1", "event_type": "inventory.released"}
    assert list(order_states("o", [{**row, "sku": "s", "quantity": 1}])) == ["RELEASED ILLEGAL_TRANSITION"]


def test_the_fact_of_a_row_holds_all_its_saga_values():
    row = {
        "event_time": to_datetime(AT), "event_id": "1", "event_type": "inventory.reserved", "correlation_id": "c",
        "status": "NEW", "payment_id": "p", "reservation_id": "r", "sku": "s", "quantity": 2,
    }  # fmt: skip
    assert saga_fact(row) == SagaFact(AT, "1", "inventory.reserved", None, "c", "p", "r", "s", 2)
    nulls = dict.fromkeys(("status", "payment_id", "reservation_id", "sku", "quantity"))
    assert saga_fact({**row, **nulls}) == SagaFact(AT, "1", "inventory.reserved", None, "c")


def dead_letter(name: str, message: Message | None = None, **more) -> StoredDeadLetter:
    sent = message or order(1)
    cells = {
        "dead_letter_id": name, "code": "FIELD_FORMAT", "stage": "data", "path": "data.orderId", "topic": sent.topic,
        "message_id": sent.message_id, "publish_time": sent.publish_time, "attributes": {}, "payload": sent.data,
        "payload_size": len(sent.data), "sha256": "abc", "event_type": "order.completed", "attempt": 1, **more,
    }  # fmt: skip
    return StoredDeadLetter(**cells)


def test_every_dead_letter_is_sent_given_up_or_left_with_a_reason():
    dead_letters = [
        dead_letter("now valid"), dead_letter("still bad", BAD), dead_letter("tired", attempt=4), dead_letter("line", message_id=None),
        dead_letter("cut", payload_size=10**9),
        dead_letter("row", stage="sink", path="order_events", event_id="e-1"), dead_letter("counts", stage="sink", path="event_counts"),
        dead_letter("metrics", stage="sink", path="pipeline_metrics"), dead_letter("no id", stage="sink", path="order_events"),
        dead_letter("cut row", stage="sink", path="events"),
    ]  # fmt: skip
    plan = plan_redrive(dead_letters, None, 3)
    assert [(redriven.dead_letter.dead_letter_id, redriven.code) for redriven in plan.sent] == [
        ("now valid", None),
        ("still bad", "JSON_SYNTAX"),
    ]
    assert [item.dead_letter_id for item in plan.given_up] == ["tired"]
    assert sorted(item.dead_letter_id for item, _ in plan.left) == ["cut", "cut row", "line", "metrics", "no id"]
    assert [row.dead_letter_id for row in plan.rows] == ["row", "counts"]
    assert plan.by_rule() == [("(no rule)", 2, 1)]


def test_a_message_keeps_what_it_first_was_through_every_redrive():
    first = dead_letter("d1").message(b"repaired")
    assert (first.message_id, first.publish_time, first.data) == ("1", AT, b"repaired")
    again = dead_letter("d2", first, attempt=2, attributes=first.attributes, sha256="def").message(b"repaired again")
    assert again.attributes == {
        "redrive-attempt": "2", "redrive-dead-letter": "d2", "redrive-message-id": "1",
        "redrive-publish-time": "2026-06-15T12:00:00Z", "redrive-sha256": "abc",
    }  # fmt: skip
