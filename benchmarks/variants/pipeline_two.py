"""The pipeline on two worker processes."""

from pathlib import Path

from benchmarks.variants import pipeline


def run(source: Path, output: Path) -> None:
    """Run it."""
    pipeline.run(source, output, workers=2)
