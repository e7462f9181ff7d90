"""The whole command `local` as a user runs it: its warehouse holds the rows of every variant and more."""

from pathlib import Path

from pipelines.cli.main import main


def run(source: Path, output: Path, method: str = "STORAGE_WRITE") -> None:
    """Run it; a run that fails ends this process with its code."""
    where = ["--input", str(source), "--output", str(output), "--overwrite"]
    code = main(["local", *where, "--bigquery_method", method])
    if code:
        raise SystemExit(code)
