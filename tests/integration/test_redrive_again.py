"""Messages that fail again, conflicts, limits, and the way over the topics: nothing is lost and nothing is waved through."""

import base64
import json
import shutil
from pathlib import Path

import pytest
from google.cloud import pubsub_v1

from schemas.timestamps import parse_rfc3339, to_rfc3339
from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.faulty import everything, faults
from tests.support.live import running_bus
from tests.support.rejected_store import event, redrive, states
from tests.support.runs import query, write_messages
from tests.support.stores import ALL_TIME, doubles

TOPIC_RULE = """
rules:
  - name: stock that came on the orders' topic
    match: {codes: [TOPIC_MISMATCH]}
    topic: inventory
    repair: [{default: {path: data.quantity, value: 0}}]
    tests: [{given: {data: {}}, expect: {data: {quantity: 0}}}]
  - name: at least one
    match: {codes: [FIELD_RANGE], paths: [data.quantity]}
    repair: [{json_patch: [{op: replace, path: /data/quantity, value: 1}]}]
    tests: [{given: {data: {quantity: 0}}, expect: {data: {quantity: 1}}}]
"""
STOCK = {"sku": "a", "orderId": "o-1"}


def run_of(folder: Path, name: str, lines: list[str], *words: str) -> Path:
    source = write_messages(folder / "in" / f"{name}.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out", *words)
    assert code == 0, err
    return folder / "out"


@pytest.fixture(scope="module")
def strayed(tmp_path_factory) -> Path:
    """A store with one event; and dead letters: three that strayed to a wrong topic, one of them under a held id."""
    folder = tmp_path_factory.mktemp("strayed")
    held = event(1, "inventory.reserved", "inventory-service", {**STOCK, "quantity": 5})
    lines = [message_line("inventory", 1, held, "2026-06-15T12:00:00Z")]
    for number, event_id in ((2, 2), (3, 3), (4, 1)):
        data = event(event_id, "inventory.reserved", "inventory-service", STOCK)
        lines.append(message_line("orders", number, data, f"2026-06-15T12:00:0{number}Z"))
    (folder / "rules.yaml").write_text(TOPIC_RULE)
    run_of(folder, "messages", lines)
    return folder


@pytest.fixture
def store(strayed, tmp_path) -> Path:
    return Path(shutil.copytree(strayed / "out", tmp_path / "out"))


def shown(store: Path, dead_letter_id: str) -> list[str]:
    code, out, err = run_command("dead-letters", "show", dead_letter_id, "--output", store)
    assert code == 0, err
    return [line for line in out.splitlines() if line.startswith(("failed ", "redrive "))]


def test_a_message_that_fails_again_keeps_its_whole_history_across_topics(strayed, store):
    rules = strayed / "rules.yaml"
    assert "resolved 0 (new events 0), failed again 3" in redrive(store, "--rules", rules)
    out = redrive(store, "--rules", rules)
    assert "resolved 2 (new events 2), failed again 0, given up 0, left open 1" in out
    assert "left open, the store holds another event under its id: 1" in out
    assert states(store) == {"redriven": 3, "resolved": 2, "open": 1}
    dead_letters = query(
        store,
        "select dead_letter_id, attempt, topic, attributes->>'redrive-sha256', attributes->>'redrive-publish-time',"
        " attributes->>'redrive-attempt', message_id from event_store.dead_letters"
        " where event_id like '%2' or event_id like '%3' order by message_id, attempt",
    )
    (first, *_), (second, attempt, topic, sha, moment, sent, message_id) = dead_letters[:2]
    assert (attempt, topic, moment, sent, message_id) == (2, "inventory", "2026-06-15T12:00:02Z", "1", "m000002")
    assert query(store, f"select payload_sha256 from event_store.dead_letters where dead_letter_id = '{first}'") == [
        (sha,)
    ]
    for either in (first, second):
        lines = shown(store, either)
        assert [line.split()[0] for line in lines] == ["failed", "redrive", "failed", "redrive"]
        assert "attempt 1 TOPIC_MISMATCH" in lines[0]
        assert f"({first}, redriven)" in lines[0]
        assert 'FAILED as FIELD_RANGE by rule "stock that came on the orders\' topic"' in lines[1]
        assert f"attempt 2 FIELD_RANGE data.quantity ({second}, resolved)" in lines[2]
        assert "RESOLVED by rule 'at least one'" in lines[3]
    assert query(store, "select reserved from analytics.stock_level") == [(7,)]
    assert not any(doubles(store).values())


def test_a_conflict_is_not_resolved_by_the_event_that_it_conflicts_with(tmp_path):
    one, other = (
        event(1, "inventory.reserved", "inventory-service", {**STOCK, "quantity": quantity}) for quantity in (1, 2)
    )
    store = run_of(
        tmp_path,
        "messages",
        [
            message_line("inventory", 1, one, "2026-06-15T12:00:00Z"),
            message_line("inventory", 2, other, "2026-06-15T12:01:00Z"),
        ],
    )
    assert query(store, "select error_code from event_store.dead_letters") == [("EVENT_ID_CONFLICT",)]
    assert "left open, the store holds another event under its id: 1" in redrive(store)
    assert states(store) == {"open": 1}


def test_a_limit_counts_what_is_sent_and_attempts_end(strayed, store):
    rules = strayed / "rules.yaml"
    assert "failed again 1, given up 0" in redrive(store, "--rules", rules, "--limit", "1")
    assert states(store) == {"open": 3, "redriven": 1}
    assert "failed again 2, given up 1" in redrive(store, "--rules", rules, "--max_attempts", "1")
    assert states(store) == {"open": 2, "redriven": 3, "given up": 1}
    for words in (["--limit", "-1"], ["--max_attempts", "0"]):
        code, _, err = run_command("redrive", "--output", store, *words)
        assert code == 2
        assert words[0] in err


def test_a_redrive_fails_and_changes_nothing_when_a_table_rejects_its_rows(strayed, store):
    redrive(store, "--rules", strayed / "rules.yaml")
    before, open_before = everything(store), states(store)
    rejected = {"on": "append", "table": "inventory_events", "row_errors": {"column": "event_id", "matches": "2$"}}
    with faults(store, rejected):
        code, _, err = run_command("redrive", "--output", store, "--rules", strayed / "rules.yaml", "--run_id", "r-1")
    assert code == 1
    assert "table inventory_events: 1 of " in err
    assert everything(store) == before
    assert states(store) == open_before
    assert query(store, "select state from event_store.replay_runs where run_id = 'r-1'") == [("FAILED",)]
    assert "resolved 2 (new events 2)" in redrive(store, "--rules", strayed / "rules.yaml")


def test_messages_go_over_the_topics_and_come_back_resolved(strayed, store, tmp_path, monkeypatch):
    """Through Google's client to the Pub/Sub emulator; what a subscriber gets goes into the same store."""
    with running_bus(tmp_path) as bus:
        words = ("--to_topics", "--pubsub_project", bus.emulator.project)
        assert "sent 3, given up 0, left open 0" in redrive(store, *words, "--rules", strayed / "rules.yaml")
        assert states(store) == {"redriven": 3}
        subscriber = pubsub_v1.SubscriberClient()
        got = subscriber.pull(subscription=bus.feeds["inventory"][1], max_messages=100, timeout=30).received_messages
        subscriber.close()
    messages = [received.message for received in got]
    assert {message.attributes["redrive-message-id"] for message in messages} == {"m000002", "m000003", "m000004"}
    back = tmp_path / "back"
    lines = [
        json.dumps(
            {
                "topic": "inventory", "messageId": message.message_id, "publishTime": published(message.publish_time),
                "attributes": dict(message.attributes), "data": base64.b64encode(message.data).decode(),
            }
        )
        for message in messages
    ]  # fmt: skip
    source = write_messages(back / "inventory.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", store, "--append")
    assert (code, "none of the 3 messages is valid" in err) == (1, True), err
    again = query(
        store, "select attempt, attributes->>'redrive-message-id' from event_store.dead_letters where attempt = 2"
    )
    assert sorted(again) == [(2, "m000002"), (2, "m000003"), (2, "m000004")]  # the quantity 0 is rejected, as ever
    assert "resolved 2" in redrive(store, "--rules", strayed / "rules.yaml")
    name = query(store, "select dead_letter_id from event_store.dead_letters where attempt = 1 and event_id like '%2'")[
        0
    ][0]
    assert [line.split()[0] for line in shown(store, name)] == ["failed", "redrive", "failed", "redrive"]
    found = states(store)
    assert sum(found.values()) == 6
    code, _, err = run_command("replay", "--output", store, "--mode", "shadow", "--into", "beside", *ALL_TIME)
    assert code == 0, err
    assert run_command("compare", "--output", store, "--into", "beside")[0] == 0


def published(moment: object) -> str:
    return to_rfc3339(parse_rfc3339(moment.isoformat())[0])  # type: ignore[attr-defined]
