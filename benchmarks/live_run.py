"""A streaming run for benchmarks: emulator, `stream` as a user starts it, cost per process, visibility of rows."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.runners.pubsub_emulator import Emulator
from schemas.message import TOPICS

START_SECONDS = 90.0
EVENTS = "local.event_store.events"
CHILDREN = {"prism": "--job_port", "bigquery": "pipelines.bigquery_emulator"}
_TICKS = os.sysconf("SC_CLK_TCK")


class LiveRun:
    """A running pipeline over an emulator of its own."""

    def __init__(self, emulator: Emulator, feeds: dict[str, tuple[str, str]], output: Path, words: list[str]) -> None:
        self.output, self.emulator = output, emulator
        self.topics = {topic: feed[0] for topic, feed in feeds.items()}
        self._subscriptions = [f"--{topic.replace('-', '_')}={feed[1]}" for topic, feed in feeds.items()]
        self._words = words
        self.process: subprocess.Popen[bytes] | None = None
        self._client: bigquery.Client | None = None

    def start(self) -> None:
        """Start `stream` and wait until it runs."""
        command = [sys.executable, "-m", "pipelines", "stream", "--output", str(self.output)]
        with (self.output / "stream.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *self._subscriptions, *self._words],
                env=dict(self.emulator.environment()), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        limit = time.monotonic() + START_SECONDS
        while b"\nrun " not in b"\n" + (self.output / "stream.log").read_bytes():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise SystemExit((self.output / "stream.log").read_text()[-2000:])
            time.sleep(0.05)
        address = connect(self.output)
        assert address is not None
        self._client = bigquery_client(address.rest_url)

    def publish(self, folder: Path, rate: float, moments: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a publisher of a folder's messages."""
        words = [str(folder), json.dumps(self.topics), str(rate), str(moments or "")]
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live_publish", *words], env=dict(self.emulator.environment())
        )

    def query(self, sql: str) -> list[Any]:
        """Query the pipeline's BigQuery emulator; raise SystemExit with its last output if the run has died."""
        assert self._client is not None
        assert self.process is not None
        if self.process.poll() is not None:
            raise SystemExit((self.output / "stream.log").read_text()[-2000:])
        return list(self._client.query_and_wait(sql, retry=None, job_retry=None))

    def visible(self) -> int:
        """Return how many rows of events are visible."""
        return int(self.query(f"SELECT COUNT(*) AS n FROM `{EVENTS}`")[0].n)

    def processes(self) -> dict[str, int]:
        """Return the pids of pipeline, runner, BigQuery emulator and Pub/Sub emulator."""
        assert self.process is not None
        found = {"pipeline": self.process.pid, "emulator": self.emulator.pid}
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for pid in (int(word) for path in children for word in path.read_text().split()):
            command = Path(f"/proc/{pid}/cmdline").read_text()
            found |= {name: pid for name, word in CHILDREN.items() if word in command}
        return found

    def end(self) -> int:
        """Drain it; return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        return self.process.returncode


@contextmanager
def live_run(output: Path, *words: str) -> Iterator[LiveRun]:
    """Yield a run that is not started yet, over four topics of a new emulator; stop everything at the end."""
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # Four GiB: the emulator keeps about 1.3 kB of every message, acknowledged or not.
        emulator = stack.enter_context(Emulator(output / "emulator.log", heap="4g"))
        run = LiveRun(emulator, emulator.make(TOPICS), output, list(words))
        try:
            yield run
        finally:
            if run.process is not None:
                run.end()


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int) -> float:
    """Return the resident anonymous memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0
