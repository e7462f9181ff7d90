"""The publisher of a streaming benchmark, a separate process: generated messages, at a rate or as fast as possible.

It calls Pub/Sub's own request with whole batches: the client library's batching costs ten times as much CPU, which on
two cores would be taken from what is measured.
"""

import base64
import heapq
import json
import math
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from google.cloud import pubsub_v1

from schemas.message import TOPICS

TICK_SECONDS = 0.03
STRETCH_SECONDS = 100
"""A third of the time between two marks of a soak of 20 minutes: what is open at a mark is then as much at each."""
BATCH = 500
BATCH_BYTES = 4 << 20
_Message = pubsub_v1.types.PubsubMessage.pb()
_Request = pubsub_v1.types.PublishRequest.pb()


class Outgoing(NamedTuple):
    """One message: its simulated publish time, topic, event id and data."""

    moment: str
    topic: str
    event_id: str
    message: Any


def simulate(folder: Path, events: int, rate: float, start: float, seed: int = 1) -> None:
    """Write generated messages of all topics whose event times begin at `start`, without invalid ones and duplicates."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
    words = ["--events", str(events), "--rate", str(rate), "--start", moment, "--seed", str(seed), "--overwrite"]
    command = [sys.executable, "-m", "pipelines", "simulate", "--output", str(folder), *words]
    clean = ["--dirty", "0", "--duplicates", "0", "--late", "0"]
    subprocess.run([*command, *clean], check=True, stdout=subprocess.DEVNULL)


def simulate_stretches(folder: Path, seconds: float, rate: float, start: float) -> None:
    """Write one folder per period, each with orders that begin and end in it, so that soon as many close as open."""
    for number in range(math.ceil(seconds / STRETCH_SECONDS)):
        begin = start + number * STRETCH_SECONDS
        simulate(folder / f"{number:04d}", int(rate * STRETCH_SECONDS), rate, begin, seed=number + 1)


def outgoing(folder: Path) -> Iterator[Outgoing]:
    """Read a simulated folder, or its periods one after the other, in the order of publishing."""
    for part in sorted(path for path in folder.iterdir() if path.is_dir()) or [folder]:
        yield from heapq.merge(*(_of_topic(part, topic) for topic in TOPICS), key=lambda message: message.moment)


def _of_topic(folder: Path, topic: str) -> Iterator[Outgoing]:
    order = b"ORD-%s-" % folder.name.encode()  # seeds use the same order numbers
    with (folder / f"{topic}.jsonl").open("rb") as lines:
        for line in lines:
            message = json.loads(line)
            data = base64.b64decode(message["data"]).replace(b"ORD-", order)
            at = data.index(b'"eventId"') + 9
            event_id = data[data.index(b'"', at) + 1 :][:36].decode()
            yield Outgoing(
                message["publishTime"], topic, event_id, _Message(data=data, attributes=message["attributes"])
            )


class Publisher:
    """Publish batches, one request per topic at a time, four topics at once; `sent` holds each event's time."""

    def __init__(self, topics: dict[str, str]) -> None:
        self._topics = topics
        self._publish = pubsub_v1.PublisherClient().transport.publish
        self._pool = ThreadPoolExecutor(len(topics))
        self.sent: dict[str, float] = {}

    def send(self, messages: list[Outgoing]) -> None:
        """Publish messages and wait until Pub/Sub has accepted them."""
        parts: dict[str, list[Any]] = {}
        for message in messages:
            parts.setdefault(message.topic, []).append(message.message)
        now = time.time()
        self.sent.update((message.event_id, now) for message in messages)
        list(self._pool.map(self._topic, parts.items()))

    def _topic(self, part: tuple[str, list[Any]]) -> None:
        topic, messages = part
        for first in range(0, len(messages), BATCH):
            request = _Request(topic=self._topics[topic], messages=messages[first : first + BATCH])
            self._publish(pubsub_v1.types.PublishRequest.wrap(request), timeout=60)


def publish(folder: Path, topics: dict[str, str], rate: float, moments: Path | None) -> None:
    """Publish a folder's messages at `rate` a second (0: as fast as it goes); write each event's publish time."""
    publisher, messages = Publisher(topics), outgoing(folder)
    began, count = time.time(), 0
    while True:
        due = 4 * BATCH if not rate else int((time.time() - began) * rate) - count
        part = list(islice(messages, max(due, 0)))
        if part:
            publisher.send(part)
            count += len(part)
            if moments is None:
                publisher.sent.clear()
        elif due > 0:
            break
        if rate:
            time.sleep(TICK_SECONDS)
    if moments is not None:
        moments.write_bytes(pickle.dumps(publisher.sent))


if __name__ == "__main__":
    source, addresses, speed, out = sys.argv[1:]
    publish(Path(source), json.loads(addresses), float(speed), Path(out) if out else None)
