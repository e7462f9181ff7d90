"""A sink that is slower than Pub/Sub causes backpressure: what is taken and not yet stored has a bound."""

import time
from pathlib import Path

from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.live import finish, kill, need_prism_program, running_bus, simulated, start_stream
from tests.support.runs import query
from transforms.archive.segments import whole_blocks

MESSAGES = 3000
BATCH = 50
MOST = 300
SLOW = {"faults": [{"on": "append", "table": "events", "delay_seconds": 0.5}]}


def taken(lake: Path) -> int:
    """Count what the archive holds, open segments too: it is written as the source takes."""
    return sum(whole_blocks(path)[0] for path in lake.glob("archive/*/dt=*/hour=*/*.avro"))


def stored(server: BigQueryEmulator) -> int:
    with server._warehouse.cursor() as cursor:
        return cursor.execute("select count(*) from event_store.events").fetchone()[0]


def test_what_is_between_source_and_tables_has_a_bound(tmp_path):
    need_prism_program()
    output = tmp_path / "out"
    with running_bus(tmp_path) as bus:
        bus.publish(simulated(tmp_path / "sim", MESSAGES, "--dirty", "0", "--duplicates", "0"))
        with BigQueryEmulator(output / "warehouse.duckdb", faults=FaultScript.parse(SLOW)) as server:
            words = ("--batch_messages", str(BATCH), "--max_in_flight", str(MOST), "--stop_after_idle", "4")
            process = start_stream(bus, output, *words)
            ahead = []
            try:
                while process.poll() is None and (not ahead or taken(output / "lake") < MESSAGES):
                    rows = stored(server) if (output / "lake").exists() else 0
                    ahead.append(taken(output / "lake") - rows)
                    time.sleep(0.1)
                finish(process, output)
            finally:
                kill(process)
    assert query(output, "select count(distinct event_id) from event_store.events") == [(MESSAGES,)]
    assert max(ahead) <= MOST + len(bus.feeds) * BATCH, "all four topics may take a batch before it is noticed"
    assert max(ahead) > BATCH, "the sink was not the slowest: nothing was shown"
