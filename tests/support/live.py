"""A streaming run for tests: the Pub/Sub emulator, `stream` as a process of its own, and the outcomes of the messages."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fastavro

from pipelines import batch
from pipelines.config import JobConfig
from pipelines.runners.direct import make_pipeline, run_to_end
from pipelines.runners.prism import find_prism, install_hint
from pipelines.runners.pubsub_emulator import Emulator, missing, publisher
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from schemas.message import TOPICS
from tests.support.paths import ROOT
from tests.support.tools import skip_or_fail
from transforms.sources.file_ranges import FileRange
from transforms.sources.read_files import ReadMessages
from transforms.table_rows import Run

RUN_SECONDS = 150


def need_prism_program() -> Path:
    """Return Prism's program."""
    found = find_prism()
    if found is None:
        skip_or_fail(f"Prism is not installed: {install_hint()}")
    assert found is not None
    return found


@dataclass
class Bus:
    """An emulator with the four topics, and one subscription each."""

    emulator: Emulator
    feeds: dict[str, tuple[str, str]]

    def publish(self, messages: Iterable[tuple[str, bytes, dict[str, str]]]) -> int:
        """Publish (topic, data, attributes); an empty message gets an attribute, for the bus takes none without."""
        client = publisher()
        sent = [
            client.publish(self.feeds[topic][0], data, **(attributes or ({} if data else {"empty": "true"})))
            for topic, data, attributes in messages
        ]
        for answer in sent:
            answer.result(60)
        return len(sent)


@contextlib.contextmanager
def running_emulator(folder: Path) -> Iterator[Emulator]:
    """Start an emulator; clients of this process find it meanwhile."""
    if (reason := missing()) is not None:
        skip_or_fail(reason)
    before = os.environ.get("PUBSUB_EMULATOR_HOST")
    with Emulator(folder / "emulator.log") as emulator:
        try:
            yield emulator
        finally:
            os.environ.pop("PUBSUB_EMULATOR_HOST", None)
            if before is not None:
                os.environ["PUBSUB_EMULATOR_HOST"] = before


def fresh_bus(emulator: Emulator) -> Bus:
    """Make topics and subscriptions that nothing was ever published to, in a project of their own."""
    emulator.project = f"local-{uuid.uuid4().hex[:8]}"
    return Bus(emulator, emulator.make(TOPICS))


@contextlib.contextmanager
def running_bus(folder: Path) -> Iterator[Bus]:
    """Start an emulator with topics and subscriptions."""
    with running_emulator(folder) as emulator:
        yield fresh_bus(emulator)


def start_stream(
    bus: Bus, output: Path, *options: str, program: Iterable[str] = ("-m", "pipelines")
) -> subprocess.Popen:
    """Start `stream` over all four subscriptions, in a process group of its own."""
    output.mkdir(parents=True, exist_ok=True)
    subscriptions = [f"--{topic.replace('-', '_')}={feed[1]}" for topic, feed in bus.feeds.items()]
    with (output / "stream.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *program, "stream", "--output", str(output), *subscriptions, *options],
            cwd=ROOT,
            env={**bus.emulator.environment(), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(process: subprocess.Popen, output: Path, seconds: float = RUN_SECONDS) -> None:
    """Wait for a clean end."""
    try:
        code = process.wait(seconds)
    finally:
        kill(process)
    assert code == 0, (output / "stream.log").read_text()[-3000:]


def kill(process: subprocess.Popen) -> None:
    """SIGKILL a stream, its worker and its runner: all that it started."""
    with contextlib.suppress(ProcessLookupError):
        children = _children(process.pid)
        for pid in (process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait(10)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]
    return []


def wait_until_running(process: subprocess.Popen, output: Path, seconds: float = 90) -> None:
    """Wait until a stream reports that it runs; otherwise fail with its output."""
    limit = time.monotonic() + seconds
    while "\nrun " not in "\n" + (said := (output / "stream.log").read_text()):
        assert process.poll() is None, said[-3000:]
        assert time.monotonic() < limit, f"not running after {seconds} s: {said[-3000:]}"
        time.sleep(0.05)


def archived(lake: Path) -> list[dict]:
    """Return the records of the finished archive files, each with its topic, which is the name of its folder."""
    files = [path for path in lake.glob("archive/*/dt=*/hour=*/*.avro") if not path.name.startswith(".")]
    return [{**record, "topic": path.parts[-4]} for path in files for record in fastavro.reader(path.open("rb"))]


def simulated(folder: Path, events: int, *options: str) -> list[tuple[str, bytes, dict[str, str]]]:
    """Return simulated messages of all topics in the order of their file; lines that are no message are left out."""
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - events / 200))
    command = [sys.executable, "-m", "pipelines", "simulate", "--output", str(folder), "--events", str(events)]
    subprocess.run(
        [*command, "--rate", "200", "--start", start, *options],
        cwd=ROOT, check=True, timeout=120, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    messages = []
    for topic in TOPICS:
        for line in (folder / f"{topic}.jsonl").open("rb"):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                message = json.loads(line)
                messages.append((topic, base64.b64decode(message["data"], validate=True), message["attributes"]))
    return messages


def bounded_run(lake: Path, folder: Path) -> Path:
    """Run the main job as a batch over the archive of a lake, into a folder of its own; return the folder."""
    target = Target.local(folder)
    ranges = [
        FileRange(str(path), "avro", path.parents[2].name, 0, path.stat().st_size, True)
        for path in sorted(lake.glob("archive/*/dt=*/hour=*/*.avro"))
        if not path.name.startswith(".")
    ]
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        job = JobConfig(
            run=Run("batch", 1, "test"),
            lake=target.lake,
            temp=str(folder / "temp"),
            project=target.project,
            event_store=target.event_store,
            analytics=target.analytics,
            write_endpoint=endpoints.write_endpoint,
        )
        pipeline = make_pipeline("FnApiRunner", 1)
        batch.build(pipeline, ReadMessages(ranges=ranges, as_of=1), job)
        run_to_end(pipeline)
    return folder
