"""summary.json of a streaming run: RUNNING from its start, FAILED with the reason, or the whole summary at its end."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

SUMMARY = "summary.json"


def write_summary(directory: Path | None, summary: dict[str, Any]) -> None:
    """Replace the summary of a folder atomically; stores in the cloud (None) have none."""
    if directory is None:
        return
    path = directory / SUMMARY
    beside = path.with_name(f".{SUMMARY}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(summary, indent=2) + "\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_failure(directory: Path | None, about: dict[str, Any], reason: str) -> None:
    """Say in the summary that the run failed, if the disk takes it: it may be what failed."""
    with suppress(OSError):
        write_summary(directory, {**about, "state": "FAILED", "error": reason})
