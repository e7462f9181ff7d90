"""Each kind of simulated message: duplicates, late and odd ones, and dirty ones made from good events."""

import gzip
import json
from decimal import Decimal

import pytest

from pipelines.simulator import SimulationConfig, messages

BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def planned() -> list:
    return list(messages(SimulationConfig(events=8000, seed=9, dirty=0.1, duplicates=0.05, late=0.03)))


def test_duplicates_repeat_an_earlier_event_by_value(planned):
    firsts = {message.event.event_id: message for message in planned if message.outcome == "valid"}
    again = [message for message in planned if message.outcome == "duplicate"]
    for message in again:
        first = firsts[message.event.event_id]
        assert first.publish_us < message.publish_us <= first.publish_us + 20 * 60 * 1_000_000
        event = json.loads(message.data.removeprefix(BOM), parse_float=Decimal)
        before = json.loads(first.data.removeprefix(BOM), parse_float=Decimal)
        event["eventId"] = event["eventId"].lower()
        assert event == before
    same_id = sum(message.message_id == firsts[message.event.event_id].message_id for message in again)
    assert 0.4 < same_id / len(again) < 0.6
    assert any(message.data != firsts[message.event.event_id].data for message in again)


def test_late_events_are_published_minutes_to_days_later_and_others_within_two_seconds(planned):
    for message in planned:
        if message.outcome == "valid":
            delay = (message.publish_us - message.event.time_us) / 1e6
            assert 180 <= delay <= 3 * 86_400 if message.late else 0.05 <= delay <= 2


def test_notes_are_raised_by_what_the_bytes_hold(planned):
    assert {note for message in planned for note in message.notes} == {
        "UNKNOWN_FIELD", "TIME_TRUNCATED", "BOM_REMOVED", "CONTROL_CHARS",
    }  # fmt: skip
    for message in planned:
        if message.outcome == "valid":
            assert message.data.startswith(BOM) == ("BOM_REMOVED" in message.notes)
            event = json.loads(message.data.removeprefix(BOM))
            assert (len(event["eventTime"].split(".")[1]) > 7 and "+" not in event["eventTime"]) == (
                "TIME_TRUNCATED" in message.notes
            )
            unknown = "traceparent" in event or "producer" in event["data"]
            assert unknown == ("UNKNOWN_FIELD" in message.notes)


def test_an_invalid_message_has_an_event_id_of_its_own_unless_the_id_is_its_fault(planned):
    ids = {message.event.event_id for message in planned if message.outcome == "valid"}
    for message in planned:
        if message.outcome not in ("valid", "duplicate", "EVENT_ID_CONFLICT"):
            assert message.event.event_id.encode() not in message.data.lower()
        if message.outcome == "EVENT_ID_CONFLICT":
            assert json.loads(message.data)["eventId"] in ids


def test_compressed_payloads_hold_a_good_event(planned):
    compressed = [message for message in planned if message.outcome == "COMPRESSED"]
    assert compressed
    for message in compressed:
        event = json.loads(gzip.decompress(message.data))
        assert (event["eventType"], event["data"]) == (message.event.event_type, json.loads(message.event.data))
