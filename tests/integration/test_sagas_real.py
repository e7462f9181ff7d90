"""The sagas of the real records: states and alerts against figures counted here from the messages themselves."""

import base64
import gzip
import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.paths import SHARED
from tests.support.runs import query

REAL = SHARED / "data" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not part of the project")
TIMEOUT = timedelta(minutes=30)


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("real") / "output"
    files = [REAL / f"{topic}.jsonl.gz" for topic in ("orders", "inventory")]
    code, _, err = run_command("local", "--input", *files, "--output", output)
    assert code == 0, err
    return output


@pytest.fixture(scope="module")
def orders() -> dict[str, list[tuple[datetime, str]]]:
    """Each order's (event time, what) from the files alone: what is dirty is left out, each event id counts once."""
    found: dict[str, dict[str, tuple[datetime, str]]] = defaultdict(dict)
    for topic in ("orders", "inventory"):
        with gzip.open(REAL / f"{topic}.jsonl.gz", "rt") as lines:
            for line in lines:
                event = json.loads(base64.b64decode(json.loads(line)["data"]))
                data = event["data"]
                quantity = data.get("quantity", 1)
                if (
                    not data.get("orderId")
                    or type(quantity) is not int
                    or quantity < 1
                    or data.get("customerId") == "(blank)"
                ):
                    continue
                if float(data.get("amount", 0)) < 0 or any(item["quantity"] < 1 for item in data.get("items", ())):
                    continue
                what = "cancelled" if data.get("status") == "CANCELLED" else event["eventType"]
                found[data["orderId"]][event["eventId"]] = (datetime.fromisoformat(event["eventTime"]), what)
    return {order: sorted(facts.values()) for order, facts in found.items()}


def test_the_files_here_are_read_as_the_run_read_them(output, orders):
    [(rows,)] = query(output, "select count(*) from event_store.events_distinct")
    [(sagas, events)] = query(output, "select count(*), sum(events) from analytics.order_saga_current")
    assert sagas == len(orders)
    assert events == sum(map(len, orders.values())) == rows


def test_known_and_cancelled_orders(output, orders):
    expected = json.loads((REAL / "expected.json").read_text())
    told = ("order.created", "order.updated", "cancelled")
    with_order_event = {order for order, facts in orders.items() if any(what in told for _, what in facts)}
    assert len(with_order_event) == expected["orders_known"] == 10_809
    [(cancelled,)] = query(output, "select count(*) from analytics.order_saga_current where state = 'CANCELLED'")
    assert cancelled == expected["orders_cancelled"] == 2_006


def test_states_by_count(output, orders):
    """No record releases, completes or fails: an order is cancelled, or paid, or reserved, or only created."""
    expected: Counter[str] = Counter()
    for facts in orders.values():
        whats = {what for _, what in facts}
        assert whats <= {"order.created", "order.updated", "inventory.reserved", "payment.processed", "cancelled"}
        ladder = ("cancelled", "CANCELLED"), ("payment.processed", "PAID"), ("inventory.reserved", "RESERVED")
        expected[next((state for what, state in ladder if what in whats), "CREATED")] += 1
    found = dict(query(output, "select state, count(*) from analytics.order_saga_current group by 1"))
    print("states", found)
    assert found == expected


def test_stuck_ones_are_those_whose_last_step_nothing_ended(output, orders):
    stuck, alerts = 0, Counter[str]()
    for facts in orders.values():
        steps = [facts[0][0]] + [at for at, what in facts[1:] if what not in ("order.created", "order.updated")]
        ended = next((at for at, what in facts if what == "cancelled"), None)
        steps = [at for at in steps if ended is None or at <= ended]
        waits = [later - earlier for earlier, later in pairwise(steps)]
        was_late = any(wait > TIMEOUT for wait in waits)
        stuck += ended is None
        alerts["SAGA_STUCK"] += was_late or ended is None
        alerts["SAGA_RECOVERED"] += was_late
    [(found,)] = query(output, "select count(*) from analytics.order_saga_current where version % 2 = 1")
    assert found == stuck
    rows = dict(query(output, "select alert, count(*) from analytics.saga_alerts group by 1"))
    print("alerts", rows)
    assert {name: rows.get(name, 0) for name in alerts} == alerts
