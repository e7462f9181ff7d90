"""The golden messages of tests/data: each line is a message with its expected outcome.

`text` is its payload to read and edit; `python -m tests.support.golden` regenerates `data` (base64) from it.
"""

import base64
import gzip
import json
from typing import Any

from tests.support.paths import DATA

MESSAGES = DATA / "messages.ndjson"
LARGE_MESSAGES = DATA / "large_messages.ndjson.gz"


def golden_lines() -> list[bytes]:
    """Return the lines of both files."""
    return MESSAGES.read_bytes().splitlines() + gzip.decompress(LARGE_MESSAGES.read_bytes()).splitlines()


def golden_cases() -> list[tuple[dict[str, Any], bytes]]:
    """Return each line with its parsed value."""
    return [(json.loads(line), line) for line in golden_lines()]


def refresh() -> None:
    """Regenerate `data` from `text`."""
    cases = [json.loads(line) for line in MESSAGES.read_bytes().splitlines()]
    for case in cases:
        if "text" in case:
            case["data"] = base64.b64encode(case["text"].encode()).decode()
    MESSAGES.write_text("".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases))


if __name__ == "__main__":
    refresh()
