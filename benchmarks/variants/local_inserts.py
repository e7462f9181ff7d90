"""The whole `local`, its rows by Beam's own STREAMING_INSERTS in place of AppendRows."""

from pathlib import Path

from benchmarks.variants import local


def run(source: Path, output: Path) -> None:
    """Run it."""
    local.run(source, output, "STREAMING_INSERTS")
