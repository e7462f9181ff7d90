"""Early panes from the bus on Prism: an open window is counted while it is open, and its last pane is right."""

import json
import signal
import time
import uuid

from pipelines.bigquery_emulator.client import bigquery_client, connect
from schemas.timestamps import SECOND_US, to_rfc3339
from tests.support.live import Bus, finish, kill, need_prism_program, running_bus, start_stream, wait_until_running
from tests.support.runs import query

WINDOW = 3600
PANES = "SELECT pane, events FROM local.analytics.event_counts ORDER BY pane"


def publish(bus: Bus, count: int) -> None:
    event = {
        "eventType": "iot.telemetry", "eventTime": to_rfc3339(int(time.time()) * SECOND_US),
        "source": "iot-gateway", "data": {"deviceId": "d1", "metric": "temp", "value": 1},
    }  # fmt: skip
    bus.publish(
        ("iot-events", json.dumps({**event, "eventId": event_id, "metadata": {"correlationId": event_id}}).encode(), {})
        for event_id in (str(uuid.uuid4()) for _ in range(count))
    )


def test_a_window_of_an_hour_is_counted_within_seconds_and_again_as_more_comes(tmp_path):
    need_prism_program()
    output, seen = tmp_path / "out", []
    with running_bus(tmp_path) as bus:
        process = start_stream(bus, output, "--window_seconds", str(WINDOW), "--early_seconds", "1")
        try:
            wait_until_running(process, output)
            client = bigquery_client(connect(output).rest_url)
            for count in (3, 4):
                publish(bus, count)
                limit = time.monotonic() + 60
                while time.monotonic() < limit and len(seen) < 1 + (count == 4):
                    time.sleep(0.2)
                    seen = [tuple(row.values()) for row in client.query(PANES).result()]
            client.close()
            process.send_signal(signal.SIGTERM)
            finish(process, output)
        finally:
            kill(process)
    assert [events for _, events in seen] == [3, 7], "two early panes while the window is open"
    panes = query(output, "select pane, events from analytics.event_counts order by pane")
    assert panes[: len(seen)] == seen
    assert query(output, "select events from analytics.event_counts_current") == [(7,)]
    assert {events for _, events in panes[2:]} <= {7}
