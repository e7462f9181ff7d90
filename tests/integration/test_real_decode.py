"""The real records through the decoder alone: the expected counts by topic, type and code."""

import gzip
import json
from collections import Counter

import pytest

from schemas.decode.decoder import decode
from schemas.event import DeadLetter
from schemas.message import parse_line
from tests.support.paths import SHARED

REAL = SHARED / "data" / "real"


@pytest.fixture(scope="module")
def real() -> tuple[Counter, Counter, Counter, int]:
    """Return messages by topic, valid events by type, dead letters by code, and the number of duplicates."""
    topics, valid, dead, seen = Counter(), Counter(), Counter(), set()
    duplicates = 0
    for path in sorted(REAL.glob("*.jsonl.gz")):
        with gzip.open(path) as file:
            for line in file:
                message = parse_line(line, path.name.removesuffix(".jsonl.gz"))
                topics[message.topic] += 1
                outcome = decode(message)
                if isinstance(outcome, DeadLetter):
                    dead[outcome.code] += 1
                elif (outcome.event_id, outcome.content) in seen:
                    duplicates += 1
                else:
                    seen.add((outcome.event_id, outcome.content))
                    valid[outcome.event_type] += 1
    return topics, valid, dead, duplicates


@pytest.mark.skipif(not REAL.exists(), reason="the shared real records are not here")
def test_the_real_records_give_the_expected_counts(real):
    topics, valid, dead, duplicates = real
    expected = json.loads((REAL / "expected.json").read_text())
    assert topics == expected["messages"]
    assert valid == expected["valid"]
    assert dead == expected["dead_letters"]
    assert duplicates == expected["duplicates"]
    assert topics.total() == valid.total() + dead.total() + duplicates
