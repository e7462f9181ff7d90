"""Large messages: a backlog of them is read whole, one that is too large is one dead letter, and memory has a bound."""

import json
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.support.live import archived, finish, need_prism_program, start_stream
from tests.support.runs import query

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

KIB, MIB = 1 << 10, 1 << 20
IDLE = ("--stop_after_idle", "5")


def customer(number: int, size: int) -> tuple[str, bytes, dict[str, str]]:
    """Return an event of about so many bytes."""
    event = {
        "eventId": str(uuid.uuid4()),
        "eventType": "customer.registered",
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "source": "customer-service",
        "data": {"customerId": f"C{number}", "name": "x" * (size - 400)},
        "metadata": {"correlationId": str(uuid.uuid4())},
    }
    return "customers", json.dumps(event).encode(), {}


def peak_mib(process: subprocess.Popen) -> int:
    """Return the peak memory of a process and its children while it lives, MiB, in all."""
    peaks: dict[str, int] = {}
    while process.poll() is None:
        children = [word for path in Path(f"/proc/{process.pid}/task").glob("*/children") for word in words_of(path)]
        for pid in (str(process.pid), *children):
            for line in lines_of(Path(f"/proc/{pid}/status")):
                if line.startswith("VmHWM"):
                    peaks[pid] = max(peaks.get(pid, 0), int(line.split()[1]) // KIB)
        time.sleep(0.2)
    return sum(peaks.values())


def words_of(path: Path) -> list[str]:
    return " ".join(lines_of(path)).split()


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def test_a_backlog_over_the_default_receive_limit_is_read_and_a_message_of_ten_megabytes_is_one_dead_letter(
    bus, tmp_path
):
    need_prism_program()
    output = tmp_path / "out"
    messages = [customer(number, 50 * KIB) for number in range(120)] + [customer(999, 9_900_000)]
    messages += [customer(number, 500) for number in range(1000, 1200)]
    bus.publish(messages)
    finish(start_stream(bus, output, *IDLE), output)
    assert query(output, "select count(distinct event_id) from event_store.events") == [(320,)]
    assert query(output, "select error_code, count(*) from event_store.dead_letters group by 1") == [("TOO_LARGE", 1)]
    assert len(archived(output / "lake")) == len(messages)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_memory_is_bounded_in_bytes(bus, tmp_path):
    need_prism_program()
    output = tmp_path / "out"
    for first in range(0, 150, 30):
        bus.publish(customer(number, MIB - KIB) for number in range(first, first + 30))
    process = start_stream(bus, output, *IDLE, "--max_in_flight_mb", "8")
    peak = peak_mib(process)
    finish(process, output)
    assert query(output, "select count(distinct event_id) from event_store.events") == [(150,)]
    assert peak < 2048, "pipeline, runner and BigQuery emulator together, MiB"
