"""`redrive`: repaired messages become events, none is lost, and wrong rules write nothing."""

import shutil
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.rejected_store import EXAMPLE, RULES, redrive, rejected_store, states
from tests.support.runs import query
from tests.support.stores import ALL_TIME, doubles, knowledge


@pytest.fixture(scope="module")
def rejected(tmp_path_factory) -> Path:
    return rejected_store(tmp_path_factory.mktemp("rejected"))


@pytest.fixture
def store(rejected, tmp_path) -> Path:
    return Path(shutil.copytree(rejected / "out", tmp_path / "out"))


def test_repaired_messages_become_events_and_the_rest_keeps_its_history(rejected, store):
    rules = rejected / "rules.yaml"
    assert states(store) == {"open": 5}
    out = redrive(store, "--rules", rules)
    assert "resolved 2 (new events 2), failed again 1, given up 0, left open 2" in out
    assert "quantities in words: a cast to integer of what is no number: 1" in out
    assert states(store) == {"open": 3, "resolved": 2, "redriven": 1}  # the one that failed again is open anew
    assert query(store, "select reserved from analytics.stock_level") == [(6,)]
    assert query(store, "select events from analytics.event_counts where event_type = 'inventory.reserved'") == [(3,)]
    assert query(store, "select events from analytics.order_saga_current") == [(3,)]
    again = query(
        store,
        "select attempt, message_id, attributes->>'redrive-sha256', payload_sha256 from event_store.dead_letters"
        " where attempt = 2",
    )
    [(_, message_id, first_sha, sha)] = again
    assert message_id == "m000005"
    assert query(store, f"select count(*) from event_store.dead_letters where payload_sha256 = '{first_sha}'") == [(1,)]
    assert first_sha != sha
    for expected in (["redriven", "open"], ["redriven", "open"]):
        redrive(store, "--rules", rules, "--max_attempts", "1")
        rows = query(
            store, "select state from event_store.dead_letter_states where message_id = 'm000005' order by attempt"
        )
        expected[1] = "given up"
        assert [state for (state,) in rows] == expected
    assert sum(states(store).values()) == 6
    assert not any(doubles(store).values())


def test_a_replay_of_the_archive_decides_a_redrive_the_same_way(rejected, store):
    redrive(store, "--rules", rejected / "rules.yaml")
    known = knowledge(store)
    code, _, err = run_command("replay", "--output", store, "--mode", "rebuild", *ALL_TIME)
    assert code == 0, err
    assert knowledge(store) == known
    assert run_command("replay", "--output", store, "--mode", "shadow", "--into", "beside", *ALL_TIME)[0] == 0
    code, out, _ = run_command("compare", "--output", store, "--into", "beside")
    assert code == 0, out


def test_without_rules_messages_go_as_they_are_and_codes_narrow(store):
    out = redrive(store, "--codes", "JSON_SYNTAX")
    assert "resolved 0 (new events 0), failed again 1, given up 0, left open 0" in out
    assert states(store) == {"open": 5, "redriven": 1}


class Publisher:
    """Takes what is published to topics; the one that `rejects` names fails."""

    rejects = ""
    taken: list[tuple[str, bytes, dict[str, str]]]

    def topic_path(self, project: str, topic: str) -> str:
        return f"projects/{project}/topics/{topic}"

    def publish(self, topic: str, data: bytes, **attributes: str) -> Future:
        future: Future = Future()
        if attributes["redrive-message-id"] == self.rejects:
            future.set_exception(TimeoutError())
        else:
            self.taken.append((topic, data, attributes))
            future.set_result("1")
        return future


def test_messages_sent_to_their_topics_wait_for_their_return(rejected, store, monkeypatch):
    monkeypatch.setattr(Publisher, "taken", [], raising=False)
    monkeypatch.setattr("pipelines.replay.redrive.publish.pubsub_v1.PublisherClient", Publisher)
    words = ("--rules", rejected / "rules.yaml", "--to_topics", "--pubsub_project", "p-1")
    assert "sent 3, given up 0, left open 2" in redrive(store, *words)
    assert [topic for topic, _, _ in Publisher.taken] == [
        f"projects/p-1/topics/{name}-topic" for name in ("inventory", "inventory", "orders")
    ]
    assert {attributes["redrive-attempt"] for _, _, attributes in Publisher.taken} == {"1"}
    assert states(store) == {"open": 2, "redriven": 3}


def test_what_a_topic_does_not_take_is_not_recorded_as_sent(rejected, store, monkeypatch):
    monkeypatch.setattr(Publisher, "taken", [], raising=False)
    monkeypatch.setattr(Publisher, "rejects", "m000002")
    monkeypatch.setattr("pipelines.replay.redrive.publish.pubsub_v1.PublisherClient", Publisher)
    code, _, err = run_command(
        "redrive", "--output", store, "--rules", rejected / "rules.yaml", "--to_topics", "--pubsub_project", "p-1"
    )
    assert code == 1
    assert "1 of 3 messages were not published" in err
    assert states(store) == {"open": 5}
    assert query(store, "select state from event_store.replay_runs") == [("FAILED",)]


def test_a_dry_run_shows_counts_and_masks_values_and_writes_nothing(rejected, store):
    out = redrive(store, "--rules", rejected / "rules.yaml", "--dry_run")
    assert "quantities in words: 2 to send, 2 of them valid now" in out
    assert "unnamed customers: 1 to send, 0 of them valid now" in out
    assert '"orderId": "x-0"' in out
    assert "00000000-0000-4000-8000-000000000002" not in out.replace("0000-0000", "")
    assert states(store) == {"open": 5}
    assert query(store, "select count(*) from event_store.replays") == [(0,)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param("rules: [", "line 1, column 9: is not YAML", id="no YAML"),
        pytest.param("rules: []", "rules: List should have at least 1 item", id="no rule"),
        pytest.param(RULES.replace("FIELD_TYPE", "FIELD_TIPE"), "FIELD_TIPE is no code", id="code"),
        pytest.param(RULES.replace("cast:", "caste:"), "caste", id="step"),
        pytest.param(
            RULES.replace("expect: {data: {quantity: 3}}", "expect: {data: {quantity: 4}}"), "test 1", id="own test"
        ),
    ],
)
def test_wrong_rules_are_rejected_and_nothing_is_written(store, tmp_path, text, part):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    for words in (["redrive", "--check", path], ["redrive", "--output", store, "--rules", path]):
        code, _, err = run_command(*words)
        assert code == 2
        assert part in err
        assert str(path) in err
    assert states(store) == {"open": 5}


def test_the_tests_of_a_file_of_rules_run_alone(rejected):
    assert run_command("redrive", "--check", rejected / "rules.yaml")[1].endswith("2 rules, 2 tests pass\n")
    assert run_command("redrive", "--check", EXAMPLE)[1].endswith("2 rules, 4 tests pass\n")
