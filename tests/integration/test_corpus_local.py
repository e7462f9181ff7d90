"""The corpus through `local`: each message has the outcome it must have, in the stores that a user reads."""

import base64
import json
import zlib
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.paths import SHARED
from tests.support.runs import query, write_messages

CORPUS = SHARED / "corpus" / "messages.json"
pytestmark = pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus is not part of the project")
LOADED = json.loads(CORPUS.read_text()) if CORPUS.is_file() else {"cases": [], "sequences": [], "policy": {}}
CASES = {case["id"]: case for case in LOADED["cases"]}
CLOCK = LOADED["policy"].get("clock_now", "")


def payload(case: dict) -> bytes:
    raw = case["raw"]
    if case["encoding"] == "text":
        return raw.encode()
    data = base64.b64decode(raw)
    return zlib.decompress(data) if case["encoding"] == "zlib_base64" else data


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, tuple[str, str | None, list[str]]]:
    folder = tmp_path_factory.mktemp("corpus")
    lines = [
        json.dumps({**json.loads(message_line(case["topic"], 0, payload(case), CLOCK)), "messageId": name})
        for name, case in CASES.items()
    ]
    source = write_messages(folder / "in" / "orders.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out")
    assert code == 0, err
    found: dict[str, tuple[str, str | None, list[str]]] = {}
    for message_id, notes in query(folder / "out", "select message_id, notes from event_store.events"):
        found[message_id] = ("accepted_with_note" if notes else "valid", None, notes)
    for message_id, error_code, digest in query(
        folder / "out", "select message_id, error_code, payload_sha256 from event_store.dead_letters"
    ):
        assert message_id not in found, "two outcomes"
        found[message_id] = ("dead_letter", error_code, [digest])
    return found


@pytest.mark.parametrize("name", CASES)
def test_case_has_its_outcome(name, outcomes):
    case = CASES[name]
    outcome, code, _ = outcomes[name]
    assert outcome in (case["expect"], *case.get("expect_also_ok", []))
    if code is not None and case["expect"] == "dead_letter":
        assert code in (case["error_code"], *case.get("error_codes_ok", []))


@pytest.mark.parametrize("sequence", LOADED["sequences"], ids=lambda sequence: sequence["id"])
def test_sequence_has_its_outcome(sequence, tmp_path: Path):
    lines = [
        message_line(message["topic"], number, json.dumps(message["event"]).encode(), CLOCK)
        for number, message in enumerate(sequence["messages"])
    ]
    source = write_messages(tmp_path / "in" / "orders.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", tmp_path / "out")
    assert code == 0, err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    expect = sequence["expect"]
    totals = {"valid": "valid", "duplicate": "duplicates", "dead_letter": "dead_letters"}
    for outcome, name in totals.items():
        if outcome in expect:
            assert summary[name] == expect[outcome], outcome
    sagas = query(tmp_path / "out", "select state, alerts from analytics.order_saga_current")
    if "state" in expect:
        assert sagas[0][0] == expect["state"]
    if "alerts" in expect:
        assert sagas[0][1] == expect["alerts"]
    if "current_state.status" in expect:
        rows = query(tmp_path / "out", "select status from analytics.order_current")
        assert rows == [(expect["current_state.status"],)]
    if "stock_not_increased" in expect:
        assert all(
            reserved <= 0 for (reserved,) in query(tmp_path / "out", "select reserved from analytics.stock_level")
        )
