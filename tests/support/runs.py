"""Helpers of the end-to-end tests: run a command as a user does, read what it left."""

import base64
import contextlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from pipelines.cli import main
from pipelines.local.server import LoopbackBigQuery  # noqa: F401  (a test's first import of the clients is slow)

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def run_command(*words: str | Path) -> tuple[int, str, str]:
    """Run one command in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def query(output: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a finished run's warehouse with plain DuckDB."""
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(sql).fetchall()


def message_line(
    topic: str, number: int, data: bytes, publish_time: str, attributes: dict[str, str] | None = None
) -> str:
    """Return one line of a message file."""
    return json.dumps(
        {
            "topic": topic,
            "messageId": f"m{number:06d}",
            "publishTime": publish_time,
            "attributes": attributes or {},
            "data": base64.b64encode(data).decode(),
        }
    )


def write_messages(path: Path, lines: Iterable[str]) -> Path:
    """Write a message file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    return path
