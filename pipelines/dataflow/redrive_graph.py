"""The redrive template: one worker runs the command. Dead letters are few, and their payload is personal data: it must
not travel in a job graph, so they are read, repaired and sent where the job runs.
"""

import argparse
import contextlib
import io
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from pipelines.dataflow.after_all import finish
from pipelines.dataflow.secret_key import SecretKey, read_secret
from pipelines.errors import RunFailed

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Redriven:
    """The command with its options. The key is fetched where it runs."""

    options: dict[str, Any]
    key: SecretKey | None

    def __call__(self) -> None:
        from pipelines.cli.commands import redrive

        told = io.StringIO()
        with tempfile.TemporaryDirectory(prefix="event-pipelines-") as folder, contextlib.redirect_stdout(told):
            args = argparse.Namespace(**self.options, pii_key_file=None)
            if self.key is not None:
                args.pii_key_file = str(_write(Path(folder) / "key", bytes(self.key)))
            if args.rules:
                with FileSystems.open(args.rules) as file:
                    args.rules = str(_write(Path(folder) / "rules.yaml", file.read()))
            code = redrive.run(args)
        _LOG.info("redrive: %s", told.getvalue().strip())
        if code:
            raise RunFailed(f"redrive ended with {code}")


def build_redrive(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    """Wire the command as the job's only step."""
    left_out = ("run", "pii_key_file", "pii_key_secret")
    options = {name: value for name, value in vars(args).items() if name not in left_out}
    finish(pipeline, "Redrive", Redriven(options, read_secret(args.pii_key_secret)))


def _write(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
