"""The shared corpus and the shared real records through the decoder; skipped where they are not."""

import base64
import gzip
import hashlib
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.decode import decode
from schemas.event import DeadLetter, Event
from schemas.message import Message, parse_line
from schemas.times import parse_rfc3339

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CORPUS = SHARED / "corpus" / "messages.json"
REAL = SHARED / "data" / "real"

_corpus: dict[str, Any] = json.loads(CORPUS.read_text()) if CORPUS.exists() else {"cases": []}
READ = {
    "text": str.encode,
    "base64": base64.b64decode,
    "zlib_base64": lambda text: zlib.decompress(base64.b64decode(text)),
}


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared corpus is not here")
@pytest.mark.parametrize("case", _corpus["cases"], ids=lambda case: f"{case['id']} {case['description']}")
def test_a_case_of_the_corpus_has_its_outcome(case):
    raw = READ[case["encoding"]](case["raw"])
    assert len(raw) == case["bytes"]
    at = parse_rfc3339(_corpus["policy"]["clock_now"])[0]
    outcome = decode(Message(case["topic"], case["id"], at, case.get("attributes", {}), raw))
    if case["expect"] == "dead_letter":
        assert isinstance(outcome, DeadLetter)
        assert outcome.code == case["error_code"]
        assert outcome.sha256 == hashlib.sha256(raw).hexdigest()
        assert outcome.data == (raw if outcome.code != "TOO_LARGE" else raw[:65_536])
        path = case.get("also_check", "").partition("error path = ")[2]
        assert not path or outcome.path == path
    else:
        assert isinstance(outcome, Event)
        assert list(outcome.notes) == case.get("notes_expected", [])


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
