"""The command `stream-demo`: emulator, simulated events, the live pipeline, and a table of what it sees."""

import argparse
import base64
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.errors import RunFailed, UserError
from pipelines.options import positive
from pipelines.runners.prism import need_prism
from pipelines.runners.pubsub_emulator import Emulator, missing, publisher
from pipelines.stores.target import Target
from schemas.message import TOPICS
from schemas.timestamps import SECOND_US, parse_rfc3339, to_rfc3339
from transforms.clock import wall_us

HELP = "See the main job live on this machine: the Pub/Sub emulator, simulated events, a table while it runs."
START_SECONDS = 90.0
LEAD_SECONDS = 12
"""Simulated time begins this long after it is written: until then emulator, runner and pipeline start."""
WINDOW_SECONDS = 10
DRAIN_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the demo."""
    parser.add_argument("--output", default="build/stream-demo", metavar="DIR", help="folder for warehouse and lake")
    parser.add_argument("--rate", type=positive, default=500, help="messages a second, on average")
    parser.add_argument("--seconds", type=positive, default=60, help="how long events are published, seconds")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same events")
    parser.add_argument("--prism_location", metavar="FILE", help="Prism's program (default: PRISM, or the PATH)")


def run(args: argparse.Namespace) -> int:
    """Run the demo; return 0."""
    program = need_prism(args.prism_location)
    if (reason := missing()) is not None:
        raise UserError(reason)
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stream-demo-")))
        messages = simulate(folder, args.rate, args.seconds, args.seed)
        emulator = stack.enter_context(Emulator(output / "emulator.log"))
        feeds = emulator.make(TOPICS)
        process = start(output, program, emulator, {topic: feed[1] for topic, feed in feeds.items()})
        stack.callback(end, process)
        client = wait_for(process, output)
        topics = {topic: feed[0] for topic, feed in feeds.items()}
        watch(client, Target.local(output), messages, topics, process, args.seconds)
        end(process)
    if process.returncode:
        raise RunFailed(f"the pipeline ended with {process.returncode}; see {output / 'stream.log'}")
    print(f"report    {output / 'report.html'}\nwarehouse {output / 'warehouse.duckdb'}\nlake      {output / 'lake'}")
    return 0


def simulate(folder: Path, rate: int, seconds: int, seed: int) -> list[tuple[float, str, bytes, dict[str, str]]]:
    """Return simulated messages as (moment of publishing, topic, data, attributes), in their order."""
    began = to_rfc3339(wall_us() // SECOND_US * SECOND_US + LEAD_SECONDS * SECOND_US)
    words = ["simulate", "--output", str(folder / "in"), "--events", str(rate * seconds), "--rate", str(rate)]
    command = [sys.executable, "-m", "pipelines", *words, "--seed", str(seed), "--start", began]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = []
    for topic in TOPICS:
        for line in (folder / "in" / f"{topic}.jsonl").open("rb"):
            try:
                one = json.loads(line)
                moment = parse_rfc3339(one["publishTime"])[0] / SECOND_US
                data = base64.b64decode(one["data"], validate=True)
            except (ValueError, TypeError, KeyError):
                continue  # the simulator's lines that are no message: a bus delivers none
            attributes = one["attributes"] or ({} if data else {"empty": "true"})
            found.append((moment, topic, data, attributes))
    return sorted(found, key=lambda message: message[0])


def start(output: Path, program: Path, emulator: Emulator, subscriptions: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `stream` as a process of its own: Ctrl-C reaches this command, which then lets it drain."""
    options = [f"--{topic.replace('-', '_')}={path}" for topic, path in subscriptions.items()]
    words = ["stream", "--output", str(output), f"--prism_location={program}", f"--window_seconds={WINDOW_SECONDS}"]
    with (output / "stream.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines", *words, *options],
            env=dict(emulator.environment()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_for(process: subprocess.Popen[bytes], output: Path) -> bigquery.Client:
    """Wait until the pipeline runs; return a client of its BigQuery emulator."""
    limit = time.monotonic() + START_SECONDS
    while b"\nrun " not in b"\n" + (output / "stream.log").read_bytes():
        if process.poll() is not None or time.monotonic() > limit:
            raise RunFailed(f"the pipeline did not start; see {output / 'stream.log'}")
        time.sleep(0.1)
    address = connect(output)
    if address is None:
        raise RunFailed(f"--output {output}: the pipeline's BigQuery emulator does not answer")
    return bigquery_client(address.rest_url)


def end(process: subprocess.Popen[bytes]) -> None:
    """Let the pipeline drain and end."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def watch(
    client: bigquery.Client,
    target: Target,
    messages: list[tuple[float, str, bytes, dict[str, str]]],
    topics: dict[str, str],
    process: subprocess.Popen[bytes],
    seconds: float,
) -> None:
    """Publish the messages at their moments, and show what the pipeline says of them."""
    published: Counter[str] = Counter()
    send = _publish(messages, topics, published, seconds)
    with Live(console=Console(), refresh_per_second=2) as live:
        for _ in send:
            live.update(_table(published, _newest(client, target)))
            if process.poll() is not None:
                raise RunFailed(f"the pipeline ended early, with {process.returncode}")
        time.sleep(2)
        live.update(_table(published, _newest(client, target)))


def _publish(
    messages: list[tuple[float, str, bytes, dict[str, str]]],
    topics: dict[str, str],
    published: Counter[str],
    seconds: float,
) -> Iterator[None]:
    """Publish what is due, and give the word back every second. What would come after the demo comes at its end."""
    client, pause, last = publisher(), 0.02, time.time()
    sent = []
    shift = max(0.0, time.time() - messages[0][0]) if messages else 0.0
    until = messages[0][0] + shift + seconds if messages else 0.0
    for moment, topic, data, attributes in messages:
        due = min(moment + shift, until)
        while time.time() < due:
            time.sleep(pause)
            if time.time() - last >= 1:
                last = time.time()
                yield
        sent.append(client.publish(topics[topic], data, **attributes))
        published[topic] += 1
        if time.time() - last >= 1:
            last = time.time()
            yield
    for one in sent:
        one.result(60)


def _newest(client: bigquery.Client, target: Target) -> dict[str, Any]:
    """Return each topic's newest window and its sums of all windows."""
    table = target.table("analytics", "pipeline_metrics")
    sql = f"""SELECT topic, SUM(valid) AS valid, SUM(duplicates) AS duplicates, SUM(dead_letters) AS dead,
      ARRAY_AGG(STRUCT(events_per_second AS rate, lag_p50_ms AS p50, lag_p95_ms AS p95, alerts AS alerts)
        ORDER BY window_start DESC LIMIT 1)[OFFSET(0)] AS newest
      FROM `{table}` WHERE mode = 'stream' GROUP BY topic"""
    try:
        return {row.topic: row for row in client.query(sql).result()}
    except GoogleAPICallError:
        return {}


def _table(published: Counter[str], seen: dict[str, Any]) -> Table:
    table = Table(title=f"newest window of {WINDOW_SECONDS} s: rate and lag; all windows: outcomes", min_width=78)
    names = ("sent", "messages/s", "p50 ms", "p95 ms", "valid", "duplicate", "dead")
    table.add_column("topic")
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("alerts")
    for topic in TOPICS:
        row = seen.get(topic)
        if row is None:
            table.add_row(topic, f"{published[topic]:,}", *("-" for _ in names[1:]), "")
            continue
        newest = row.newest
        lags = ("-" if newest[name] is None else f"{newest[name]:,.0f}" for name in ("p50", "p95"))
        sums = (f"{count:,}" for count in (row.valid, row.duplicates, row.dead))
        alerts = " ".join(newest["alerts"])
        table.add_row(topic, f"{published[topic]:,}", f"{newest['rate']:,.1f}", *lags, *sums, alerts)
    return table
