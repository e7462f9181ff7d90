"""Whatever is killed under a streaming run, the next start restores all of it: 0 missing, 0 twice, in every view."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pipelines.runners.pubsub_emulator import Emulator
from pipelines.stream.run import CONTINUE
from schemas.message import TOPICS
from tests.integration.test_stream_emulator import assert_same_views, events_of
from tests.support.live import (
    Bus,
    archived,
    bounded_run,
    finish,
    kill,
    need_prism_program,
    running_bus,
    simulated,
    start_stream,
    wait_until_running,
)
from tests.support.runs import query

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

NOTICE_SECONDS = 10
END_SECONDS = 15
"""How long the process may take to end after it has noticed, on a busy machine."""
DISK_MIB = 512
VICTIMS = ("runner", "worker", "emulator", "warehouse", "disk")

Messages = list[tuple[str, bytes, dict[str, str]]]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system of its own, if this machine lets us; otherwise yield a plain folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(folder)]
    mounted = os.geteuid() == 0 and shutil.which("mount") and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def closing_emulator(bus: Bus) -> Iterator[None]:
    """End the emulator that the bus has at the end: another one than at the start, if it was a victim."""
    try:
        yield
    finally:
        bus.emulator.stop()


def child_of(pid: int, word: str) -> int:
    """Return the child process whose command line has a word in it."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(child) for path in children for child in path.read_text().split()]
    [found] = [child for child in pids if word in Path(f"/proc/{child}/cmdline").read_text()]
    return found


def strike(victim: str, process: subprocess.Popen, bus: Bus, output: Path) -> None:
    """Kill the victim. The disk is filled to its last byte, and emptied when the run has ended."""
    if victim == "worker":
        os.kill(process.pid, signal.SIGKILL)
    elif victim == "runner":
        os.kill(child_of(process.pid, "--job_port"), signal.SIGKILL)
    elif victim == "warehouse":
        os.kill(child_of(process.pid, "bigquery_emulator"), signal.SIGKILL)
    elif victim == "emulator":
        os.kill(bus.emulator.pid, signal.SIGKILL)
    else:
        fill(output.parent / "ballast")


def fill(ballast: Path) -> None:
    """Write until the file system is full."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


def survive(
    victim: str, process: subprocess.Popen, bus: Bus, output: Path, earlier: Messages, part: Messages, folder: Path
) -> float:
    """Strike under load; check that the run ends by itself and says so. Return how long it took, seconds."""
    bus.publish(part[: len(part) // 2])
    time.sleep(random.uniform(0.5, 2.5))
    strike(victim, process, bus, output)
    struck = time.monotonic()
    try:
        code = process.wait(NOTICE_SECONDS + END_SECONDS)
    finally:
        kill(process)
        (output.parent / "ballast").unlink(missing_ok=True)
    took = time.monotonic() - struck
    log = (output / "stream.log").read_text()
    if victim == "worker":
        assert code == -signal.SIGKILL
    else:
        assert code == 1, log
        assert "Traceback" not in log
        last = log.rstrip().splitlines()[-1]
        assert last.startswith("event-pipelines stream: "), log
        assert last.endswith(CONTINUE) or victim in ("emulator", "disk"), log
    (output / "stream.log").unlink(missing_ok=True)
    if victim == "emulator":  # all that it held in memory is gone, the backlog of earlier parts too: it is sent again
        bus.emulator.stop()
        bus.emulator = Emulator(folder / "emulator.log")
        bus.feeds = bus.emulator.make(TOPICS)
        kept, sent = archived_ids(output), [*earlier, *part[: len(part) // 2]]
        bus.publish(message for message in sent if not kept.issuperset(events_of([message])))
    bus.publish(part[len(part) // 2 :])
    return took


def kill_all(folder: Path, events: int, victims: list[str]) -> None:
    need_prism_program()
    messages = simulated(folder / "sim", events, "--dirty", "0")
    messages += random.Random(7).sample(messages, events // 10)
    step = -(-len(messages) // (len(victims) + 1))
    with small_disk(folder / "disk") as disk, running_bus(folder) as bus, closing_emulator(bus):
        output = disk / "out"
        if not os.path.ismount(disk):
            victims = [victim for victim in victims if victim != "disk"]
        for number, victim in enumerate(victims):
            process = start_stream(bus, output)
            wait_until_running(process, output)
            first, last = number * step, (number + 1) * step
            took = survive(victim, process, bus, output, messages[:first], messages[first:last], folder)
            print(f"{number + 1:3} {victim:10} ended after {took:.1f} s", flush=True)
        bus.publish(messages[len(victims) * step :])
        finish(start_stream(bus, output, "--stop_after_idle", "12"), output)
        bus.emulator.stop()
        wanted = set(events_of(messages))
        stored = archived_ids(output)
        assert stored == wanted
        found = [row[0] for row in query(output, "select event_id from event_store.events_distinct")]
        assert (len(found), set(found)) == (len(wanted), wanted)
        for table in ("order_events", "customer_events", "inventory_events", "payment_events", "iot_telemetry"):
            missing = query(output, missing_rows(table))
            assert missing == [], (table, len(missing))
        assert_same_views(output, bounded_run(output / "lake", folder / "batch"))


def archived_ids(output: Path) -> set[str]:
    """Return the event ids in the finished files of the archive."""
    return set(events_of([("", bytes(record["data"]), {}) for record in archived(output / "lake")]))


def missing_rows(table: str) -> str:
    """Return a query of valid events of a typed table's kind that the table lacks."""
    kinds = {"order_events": "order", "customer_events": "customer", "inventory_events": "inventory",
             "payment_events": "payment", "iot_telemetry": "iot"}  # fmt: skip
    return f"""select event_id from event_store.events where event_type like '{kinds[table]}.%'
        and event_id not in (select event_id from analytics.{table})"""


@pytest.mark.timeout(400)
def test_one_kill_of_each_victim_loses_nothing(tmp_path):
    kill_all(tmp_path, events=1500, victims=list(VICTIMS))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_five_kills_over_twenty_thousand_messages_lose_nothing(tmp_path):
    kill_all(tmp_path, events=20_000, victims=random.Random(24).sample(list(VICTIMS) * 5, 25))
