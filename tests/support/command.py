"""A command, run as a user does, in this process."""

import contextlib
import io
from pathlib import Path

from pipelines.cli.main import main


def run_command(*words: str | Path) -> tuple[int, str, str]:
    """Run one command in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()
