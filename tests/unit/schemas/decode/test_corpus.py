"""The shared corpus and the shared real records through the decoder; skipped where they are not."""

import base64
import hashlib
import json
import zlib
from typing import Any

import pytest

from schemas.decode.decoder import decode
from schemas.event import DeadLetter, Event
from schemas.message import Message
from schemas.timestamps import parse_rfc3339
from tests.support.paths import SHARED

CORPUS = SHARED / "corpus" / "messages.json"

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
