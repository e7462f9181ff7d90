"""The runner dies during a streaming run: one line names the command to continue, and no message is lost."""

import os
import signal
import time
from pathlib import Path

from pipelines.stream.run import CONTINUE
from tests.support.live import (
    archived,
    finish,
    kill,
    need_prism_program,
    running_bus,
    simulated,
    start_stream,
    wait_until_running,
)
from tests.support.runs import query


def runner_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(word) for path in children for word in path.read_text().split()]
    [found] = [pid for pid in pids if "--job_port" in Path(f"/proc/{pid}/cmdline").read_text()]
    return found


def test_a_dead_runner_is_reported_and_the_same_command_continues(tmp_path):
    need_prism_program()
    output = tmp_path / "out"
    with running_bus(tmp_path) as bus:
        messages = simulated(tmp_path / "sim", 1000, "--dirty", "0", "--duplicates", "0")
        process = start_stream(bus, output)
        try:
            wait_until_running(process, output)
            bus.publish(messages[:500])
            time.sleep(2)
            os.kill(runner_of(process.pid), signal.SIGKILL)
            assert process.wait(60) == 1
        finally:
            kill(process)
        assert (output / "stream.log").read_text().rstrip().endswith(CONTINUE)
        (output / "stream.log").unlink()
        bus.publish(messages[500:])
        finish(start_stream(bus, output, "--stop_after_idle", "15"), output)
    assert len({(record["topic"], record["message_id"]) for record in archived(output / "lake")}) == len(messages)
    assert query(output, "select count(distinct event_id) from event_store.events") == [(len(messages),)]
