"""The streaming demo: generated events, published to the Pub/Sub emulator at the times they were generated for.

The pipeline is started first, as a process of its own, and events are generated when it runs: their event times are those
of the moment in which they are published.
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.errors import RunFailed, UserError
from pipelines.runners.child_process import ChildProcess
from pipelines.runners.pubsub_emulator import Emulator, publisher
from pipelines.stores.target import Target
from schemas.message import TOPICS
from schemas.timestamps import SECOND_US, parse_rfc3339, to_rfc3339
from transforms.clock import wall_us

START_SECONDS = 90.0
DRAIN_SECONDS = 60.0
WINDOW_SECONDS = 10
LEAD_SECONDS = 3
"""Generated time begins this long after the generator starts, and longer for many events."""
LEAD_EVENTS_PER_SECOND = 8_000
LATE_SECONDS = 1.0
GENERATIONS = 3
"""How often events are generated again, with a longer lead, when generating took longer than the lead."""
MARKER = ".stream-demo"
"""Marks a folder as one that the demo may empty."""

Show = Callable[[Counter[str], dict[str, Any]], None]
"""Called once per second with the messages published per topic, and a row of metrics per topic."""


@dataclass(frozen=True, kw_only=True)
class DemoRequest:
    """The options of the demo.

    Args:
        output: folder of the warehouse and the lake; an earlier demo in it is deleted.
        rate: messages per second, on average.
        seconds: how long events are published, seconds.
        seed: the same seed gives the same events.
        prism: Prism's program.
    """

    output: Path
    rate: int
    seconds: int
    seed: int
    prism: Path


class DemoMessage(NamedTuple):
    """A message and when it is published, seconds since 1970."""

    moment: float
    topic: str
    data: bytes
    attributes: dict[str, str]


def run_demo(request: DemoRequest, *, notify: Callable[[str], None], show: Show) -> None:
    """Run the demo to its end.

    Args:
        request: what to do.
        notify: called with a line for each phase.
        show: called while messages are published.
    """
    output = request.output
    empty_folder(output)
    with ExitStack() as stack:
        notify("starting the Pub/Sub emulator, the BigQuery emulator and Prism")
        emulator = stack.enter_context(Emulator(output / "emulator.log"))
        feeds = emulator.make(TOPICS)
        process = stack.enter_context(_start(request, emulator, {topic: feed[1] for topic, feed in feeds.items()}))
        client = _wait_until_running(process, output)
        notify(f"generating {request.rate * request.seconds:,} messages")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stream-demo-")))
        messages = generate(folder, request.rate, request.seconds, request.seed)
        notify(f"publishing for {request.seconds} s; windows of {WINDOW_SECONDS} s are shown when they end")
        topics = {topic: feed[0] for topic, feed in feeds.items()}
        target = Target.local(output)
        published: Counter[str] = Counter()
        for _ in publish(messages, topics, published, request.seconds):
            show(published, newest_windows(client, target))
            if not process.is_alive():
                raise RunFailed(f"the pipeline ended early, with {process.returncode}; see {output / 'stream.log'}")
        notify("draining: open windows fire, files and the report are written")
        process.stop()
    if process.returncode:
        raise RunFailed(f"the pipeline ended with {process.returncode}; see {output / 'stream.log'}")


def empty_folder(output: Path) -> None:
    """Create the folder, or delete an earlier demo in it; UserError if it holds anything else."""
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file, a folder is needed")
    if output.is_dir() and any(output.iterdir()):
        if not (output / MARKER).exists():
            raise UserError(f"--output {output}: is not empty and holds no earlier demo; give another folder")
        if (running := connect(output)) is not None:
            raise UserError(f"--output {output}: process {running.pid} serves its warehouse; wait until it ends")
        for path in output.iterdir():
            if path.name != MARKER:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    output.mkdir(parents=True, exist_ok=True)
    (output / MARKER).touch()


def generate(folder: Path, rate: int, seconds: int, seed: int) -> list[DemoMessage]:
    """Return generated messages in the order of their publishing, the first of them due now or soon."""
    lead = LEAD_SECONDS + rate * seconds // LEAD_EVENTS_PER_SECOND
    for generation in range(GENERATIONS):
        messages = _generate(folder / str(generation), rate, seconds, seed, lead)
        if not messages or time.time() - messages[0].moment < LATE_SECONDS:
            break
        lead *= 3
    return messages


def _generate(folder: Path, rate: int, seconds: int, seed: int, lead: int) -> list[DemoMessage]:
    start = to_rfc3339(wall_us() // SECOND_US * SECOND_US + lead * SECOND_US)
    options = ["--output", str(folder), "--events", str(rate * seconds), "--rate", str(rate)]
    command = [sys.executable, "-m", "pipelines", "simulate", *options, "--seed", str(seed), "--start", start]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    messages = []
    for topic in TOPICS:
        for line in (folder / f"{topic}.jsonl").open("rb"):
            try:
                record = json.loads(line)
                moment = parse_rfc3339(record["publishTime"])[0] / SECOND_US
                data = base64.b64decode(record["data"], validate=True)
            except (ValueError, TypeError, KeyError):
                continue  # lines that are no message: Pub/Sub delivers none
            attributes = record["attributes"] or ({} if data else {"empty": "true"})
            messages.append(DemoMessage(moment, topic, data, attributes))
    return sorted(messages, key=lambda message: message.moment)


def publish(
    messages: list[DemoMessage], topics: dict[str, str], published: Counter[str], seconds: float
) -> Iterator[None]:
    """Publish messages when they are due, and yield once per second. What is due after the demo is published at its end.

    Args:
        topics: Pub/Sub topic per short name.
        published: counts the messages per short name.
        seconds: length of the demo.
    """
    client, last = publisher(), time.time()
    sent = []
    until = messages[0].moment + seconds if messages else 0.0
    for message in messages:
        while time.time() < min(message.moment, until):
            time.sleep(0.02)
            if time.time() - last >= 1:
                last = time.time()
                yield
        sent.append(client.publish(topics[message.topic], message.data, **message.attributes))
        published[message.topic] += 1
        if time.time() - last >= 1:
            last = time.time()
            yield
    for answer in sent:
        answer.result(60)
    for _ in range(2):
        time.sleep(1)
        yield


def newest_windows(client: bigquery.Client, target: Target) -> dict[str, Any]:
    """Return each topic's newest window and its sums over all windows; empty while there are none."""
    table = target.table("analytics", "pipeline_metrics")
    sql = f"""SELECT topic, SUM(valid) AS valid, SUM(duplicates) AS duplicates, SUM(dead_letters) AS dead,
      ARRAY_AGG(STRUCT(events_per_second AS rate, lag_p50_ms AS p50, lag_p95_ms AS p95, alerts AS alerts)
        ORDER BY window_start DESC LIMIT 1)[OFFSET(0)] AS newest
      FROM `{table}` WHERE mode = 'stream' GROUP BY topic"""
    try:
        return {row.topic: row for row in client.query(sql).result()}
    except GoogleAPICallError:
        return {}


def _start(request: DemoRequest, emulator: Emulator, subscriptions: dict[str, str]) -> ChildProcess:
    """Start `stream`; Ctrl-C reaches this process alone, which then lets it drain."""
    log = request.output / "stream.log"
    log.write_bytes(b"")
    options = [f"--{topic.replace('-', '_')}={path}" for topic, path in subscriptions.items()]
    words = ["stream", "--output", str(request.output), f"--prism_location={request.prism}"]
    return ChildProcess(
        "the pipeline",
        [sys.executable, "-m", "pipelines", *words, f"--window_seconds={WINDOW_SECONDS}", *options],
        log=log,
        env=emulator.environment(),
        stop_seconds=DRAIN_SECONDS,
    )


def _wait_until_running(process: ChildProcess, output: Path) -> bigquery.Client:
    """Wait until the pipeline runs; return a client of its BigQuery emulator."""
    log = output / "stream.log"
    process.wait_until(lambda: b"\nrun " in b"\n" + log.read_bytes(), START_SECONDS)
    address = connect(output)
    if address is None:
        raise RunFailed(f"--output {output}: the pipeline's BigQuery emulator does not answer")
    return bigquery_client(address.rest_url)
