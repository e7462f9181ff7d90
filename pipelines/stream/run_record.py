"""The run record of a streaming run in `event_store.runs`: RUNNING while it lives, DONE at a clean end.

A run that ends in any other way leaves its record RUNNING: the next command that writes to the same stores then restores
from the archive what was not stored (pipelines/replay/unfinished.py), and closes the record as FAILED. The record says from
which publish time on messages may be missing: what was in flight some time before the last renewal, because rows of
one message reach their tables at different times.
"""

import os
import platform
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from google.cloud import bigquery

from pipelines.job import whoami
from pipelines.stores.bigquery_errors import SERVICE_ERRORS
from pipelines.stores.interrupted_streams import COMMAND
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.tables.definitions import RUNS, SCHEMA_VERSION
from schemas.timestamps import to_rfc3339

RENEW_SECONDS = 15.0
"""How often a record on this machine is renewed; in the cloud each renewal is a job, so it is less often."""
RENEW_CLOUD_SECONDS = 300.0
LEASE_PERIODS = 4
"""A run in the cloud counts as dead when this many renewals are missing."""


class StreamRecord:
    """The record of one run; `with` keeps it renewed, and leaves it RUNNING when the block fails.

    Args:
        client: a client of its own, for it is used from another thread.
        target: the stores.
        run_id: the run.
        started: its start, UTC microseconds.
        version: version of the code.
        oldest: returns the publish time, UTC microseconds, from which on messages may not be stored yet.
        lag_seconds: how long the rows of one message may take to reach all tables.
        pii_key_version: version of the key of pseudonyms; None without a key.
    """

    def __init__(
        self,
        client: bigquery.Client,
        target: Target,
        *,
        run_id: str,
        started: int,
        version: str,
        oldest: Callable[[], int],
        lag_seconds: float,
        pii_key_version: str | None = None,
    ) -> None:
        self._client, self._target, self._run_id = client, target, run_id
        self._started, self._version, self._oldest = started, version, oldest
        self._key = pii_key_version
        self._period = RENEW_SECONDS if target.directory is not None else RENEW_CLOUD_SECONDS
        self._lag = lag_seconds
        self._since = started
        self._seen: deque[tuple[float, int]] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_loop, name="run-record", daemon=True)

    def done(self, messages: int) -> None:
        """Record a clean end."""
        self._stop()
        self._insert("DONE", ended_time="CURRENT_TIMESTAMP()", messages=str(messages))

    def __enter__(self) -> Self:
        self._insert("RUNNING")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop(5 if error is None else 0)  # after a failure BigQuery may not answer its renewal

    def _stop(self, seconds: float = 5) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _renew_loop(self) -> None:
        while not self._ended.wait(self._period):
            self._since = self._settled()
            try:
                self._insert("RUNNING")
            except SERVICE_ERRORS:
                continue  # the monitor ends the run when BigQuery is gone

    def _settled(self) -> int:
        """Return the publish time up to which all messages were stored `lag_seconds` ago."""
        now = time.monotonic()
        self._seen.append((now, self._oldest()))
        since = self._since
        while self._seen and self._seen[0][0] <= now - self._lag:
            since = self._seen.popleft()[1]
        return min([since, *(oldest for _, oldest in self._seen)])

    def _insert(self, state: str, **more: str) -> None:
        lease = f"TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {int(LEASE_PERIODS * self._period)} SECOND)"
        cells = {
            "run_id": string_literal(self._run_id),
            "recorded_time": "CURRENT_TIMESTAMP()",
            "state": string_literal(state),
            "lease_until": lease if state == "RUNNING" else "NULL",
            "command": string_literal(COMMAND),
            "mode": "'stream'",
            "range_from": _timestamp(self._since),
            "clock": "'publish_time'",
            "source": "'subscriptions'",
            "owner_user": string_literal(whoami().split("@")[0]),
            "owner_host": string_literal(platform.node()),
            "owner_pid": str(os.getpid()),
            "started_time": _timestamp(self._started),
            "pipeline_version": string_literal(self._version),
            "schema_version": string_literal(SCHEMA_VERSION),
            "pii_key_version": string_literal(self._key),
            **more,
        }
        columns = ", ".join(cells)
        table = self._target.table("event_store", RUNS.name)
        self._client.query(f"INSERT INTO `{table}` ({columns}) VALUES ({', '.join(cells.values())})").result()


def _timestamp(time_us: int) -> str:
    return f"TIMESTAMP '{to_rfc3339(time_us)}'"
