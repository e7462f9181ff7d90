"""Commands against the BigQuery emulator with faults, and what they leave in the stores."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from tests.support.stores import doubles, knowledge

Fault = dict[str, Any]


@contextmanager
def faults(store: Path, *script: Fault) -> Iterator[None]:
    """Hold the warehouse of a store in this process, with faults, while the block runs commands on it."""
    with open_stores(Target.local(store), faults=FaultScript.parse({"faults": list(script)})):
        yield


def lake_files(store: Path) -> dict[str, str]:
    """Return the sha256 of every file of the lake, by its path."""
    lake = store / "lake"
    return {
        str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(lake.rglob("*"))
        if path.is_file()
    }


def everything(store: Path) -> tuple[dict[str, Any], dict[str, int], dict[str, str]]:
    """Return all that a failed command must leave as it was: what the stores know, no row twice, every file."""
    return knowledge(store), doubles(store), lake_files(store)
