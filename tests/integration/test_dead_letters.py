"""`dead-letters` and `history`: every dead letter has its state, and no payload is shown."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.paths import SHARED
from tests.support.rejected_store import EXAMPLE, event, redrive, rejected_store
from tests.support.runs import query, write_messages
from tests.support.stores import ALL_TIME, doubles

REAL = SHARED / "data" / "real"


@pytest.fixture(scope="module")
def rejected(tmp_path_factory) -> Path:
    return rejected_store(tmp_path_factory.mktemp("rejected"))


@pytest.fixture
def store(rejected, tmp_path) -> Path:
    return Path(shutil.copytree(rejected / "out", tmp_path / "out"))


@pytest.mark.parametrize(
    ("words", "part"),
    [
        pytest.param(["redrive", "--codes", "NOPE"], "--codes NOPE", id="code"),
        pytest.param(["redrive", "--to_topics"], "--pubsub_project", id="no project"),
        pytest.param(
            ["redrive", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], "must end", id="range"
        ),
        pytest.param(["dead-letters", "--group_by", "mood"], "--group_by mood", id="group"),
        pytest.param(["dead-letters", "show", "nope"], "show nope", id="no such id"),
        pytest.param(["dead-letters", "display", "nope"], "expected `show ID`", id="no such word"),
    ],
)
def test_a_users_mistake_is_reported(store, words, part):
    code, _, err = run_command(*words, "--output", store)
    assert code == 2
    assert part in err


def test_dead_letters_are_listed_grouped_and_shown_without_their_payload(store):
    _, out, _ = run_command("dead-letters", "--output", store, "--group_by", "code,path", "--format", "csv")
    assert out.splitlines()[1] == "FIELD_TYPE,data.quantity,3"
    _, out, _ = run_command("dead-letters", "--output", store, "--codes", "JSON_SYNTAX", "--format", "json")
    name = json.loads(out)["dead_letter_id"]
    _, out, _ = run_command("dead-letters", "show", name, "--output", store)
    assert "1 bytes that are not JSON" in out
    _, out, _ = run_command("dead-letters", "show", name, "--output", store, "--show_payload")
    assert ["payload", "{"] in [line.split() for line in out.splitlines()]


def test_history_shows_causes_and_states_in_order(rejected, store):
    redrive(store, "--rules", rejected / "rules.yaml")
    code, out, err = run_command("history", "--output", store, "--order", "o-1")
    assert code == 0, err
    assert [line.split()[1] for line in out.splitlines()] == ["inventory.reserved"] * 3
    assert all(line.endswith("→ RESERVED") for line in out.splitlines())
    code, _, err = run_command("history", "--output", store, "--device", "nobody")
    assert (code, "--device nobody" in err) == (1, True)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not part of the project")
def test_the_real_records_compare_and_none_of_their_dead_letters_is_lost(tmp_path):
    store = tmp_path / "out"
    assert run_command("local", "--input", REAL, "--output", store)[0] == 0
    assert run_command("replay", "--output", store, "--mode", "shadow", "--into", "beside", *ALL_TIME)[0] == 0
    code, out, _ = run_command("compare", "--output", store, "--into", "beside")
    assert (code, out.splitlines()[-1]) == (0, "no differences")

    by_code = (
        "select error_code, event_type, state, count(*) from event_store.dead_letter_states group by all order by all"
    )
    assert query(store, by_code) == [
        ("FIELD_FORMAT", "customer.registered", "open", 1),
        ("FIELD_FORMAT", "order.created", "open", 2005),
        ("FIELD_RANGE", "inventory.reserved", "open", 761),
    ]
    [(events,)] = query(store, "select count(*) from event_store.events")
    out = redrive(store, "--rules", EXAMPLE)
    print(out)
    after = query(store, by_code)
    print(after)
    # 761 of the sales without a customer are goods written off, less than none of them sold: these fail again, and stay.
    assert after == [
        ("FIELD_FORMAT", "customer.registered", "open", 1),
        ("FIELD_FORMAT", "order.created", "redriven", 761),
        ("FIELD_FORMAT", "order.created", "resolved", 1244),
        ("FIELD_RANGE", "inventory.reserved", "resolved", 761),
        ("FIELD_RANGE", "order.created", "open", 761),
    ]
    ends = "select max(state = 'open'), count(*) from event_store.dead_letter_states group by topic, message_id"
    assert query(store, f"select open, count(*) from ({ends}) t(open, letters) group by 1 order by 1") == [
        (False, 2005),
        (True, 762),
    ], "of 2,767 messages each is resolved or open, and those that failed again have both their dead letters"
    [(again,)] = query(store, "select count(*) from event_store.events")
    [(repaired,)] = query(store, "select count(distinct event_id) from event_store.redrives where outcome = 'RESOLVED'")
    assert again - events == repaired
    assert not any(doubles(store).values())
    assert redrive(store, "--rules", EXAMPLE) == "left open, no rule matches: 762\n"
    assert run_command("replay", "--output", store, "--mode", "shadow", "--into", "again", *ALL_TIME)[0] == 0
    code, out, _ = run_command("compare", "--output", store, "--into", "again")
    assert (code, out.splitlines()[-1]) == (0, "no differences")  # a replay decides the repaired messages the same way


def test_a_hostile_dead_letter_is_printed_escaped_and_does_not_stop_the_others(tmp_path):
    hostile = [
        '{"eventId": "\ud800", "a": "\x1b[2J\u202e\x9b31m"}'.encode("utf-8", "surrogatepass"),
        rb'{"eventId": "\ud800\u001b[2J\u202e", "eventType": "x", "data": {"debug": "\ud800"}}',
        b"[" * 5000,
        b'{"eventId": 1' + b"0" * 5000 + b"}",
    ]
    good = event(1, "inventory.reserved", "inventory-service", {"sku": "a", "quantity": "2", "orderId": "o-1"})
    lines = [message_line("inventory", n, data, "2026-06-15T12:00:00Z") for n, data in enumerate([*hostile, good], 1)]
    source = write_messages(tmp_path / "in" / "inventory.jsonl", lines)
    store = tmp_path / "out"
    run_command("local", "--input", source, "--output", store)
    (tmp_path / "rules.yaml").write_text(HOSTILE_RULES)
    code, out, err = run_command("redrive", "--output", store, "--rules", tmp_path / "rules.yaml", "--dry_run")
    assert code == 0, err
    assert '"quantity": "0"' in out  # as it was, text
    assert '"quantity": 0, ' in out  # as it will be, a number
    _, listed, _ = run_command("dead-letters", "--output", store, "--format", "json")
    shown = [out, listed, run_command("dead-letters", "--output", store)[1]]
    for line in listed.splitlines():
        name = json.loads(line)["dead_letter_id"]
        for words in ((), ("--show_payload",)):
            code, out, err = run_command("dead-letters", "show", name, "--output", store, *words)
            assert code == 0, err
            shown.append(out)
    for text in shown:
        assert all(line.isprintable() for line in text.splitlines())
    out = redrive(store, "--rules", tmp_path / "rules.yaml")
    assert "resolved 1 (new events 1)" in out


HOSTILE_RULES = """
rules:
  - name: quantities
    match: {codes: [FIELD_TYPE], paths: [data.quantity]}
    repair: [{cast: {path: data.quantity, to: integer}}]
    tests: [{given: {data: {quantity: "3"}}, expect: {data: {quantity: 3}}}]
  - name: no debug field
    match: {}
    repair: [{drop: {path: data.debug}}]
    tests: [{given: {data: {debug: 1}}, expect: {data: {}}}]
"""
