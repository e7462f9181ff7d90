"""The streaming demo: event times of now, an empty start each time, and a report of its own windows."""

import subprocess
import sys

import pytest

from tests.support.live import need_prism_program, skip_or_fail
from tests.support.paths import ROOT
from tests.support.runs import query


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_demos_in_one_folder_show_events_of_now(tmp_path):
    from pipelines.runners.pubsub_emulator import missing

    need_prism_program()
    if (reason := missing()) is not None:
        skip_or_fail(reason)
    output = tmp_path / "demo"
    for seed in (1, 2):
        words = ["stream-demo", "--output", str(output), "--rate", "50", "--seconds", "12", "--seed", str(seed)]
        ended = subprocess.run(
            [sys.executable, "-m", "pipelines", *words], cwd=ROOT, capture_output=True, text=True, timeout=180
        )
        assert ended.returncode == 0, ended.stderr + (output / "stream.log").read_text()
        for phase in ("starting the Pub/Sub emulator", "generating 600 messages", "publishing for 12 s", "draining"):
            assert phase in ended.stdout
    assert query(output, "select count(distinct run_id) from event_store.events") == [(1,)], "only the second demo"
    lag = "select median(epoch(publish_time) - epoch(event_time)) from event_store.events"
    assert query(output, lag)[0][0] < 5, "event times are of the moment of publishing"
    assert "10 seconds" in (output / "report.html").read_text()
