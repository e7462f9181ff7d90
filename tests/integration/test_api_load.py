"""500 point reads per second beside a streaming run: p95 under 20 ms, no error. Slow: it wants the machine to itself."""

import pytest

from benchmarks.api_load import AIM_P95_SECONDS, measure
from tests.support.live import need_prism_program
from tests.support.postgres import cluster
from tests.support.read_models import sqlite_url
from tests.support.tools import require

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_point_reads_are_quick_beside_a_streaming_run(tmp_path, kind):
    need_prism_program()
    require("vegeta", "sends the load; go install github.com/tsenart/vegeta/v12@latest")
    with cluster() as server:
        url = server.url(server.new_database()) if kind == "postgresql" else sqlite_url(tmp_path)
        found = measure(tmp_path, url, rate=500, seconds=20, publish_rate=200)
    assert found["requests"] >= 9_900
    assert found["errors"] == 0, found
    assert found["events_written_meanwhile"] > 1000, found
    assert found["p95_ms"] < AIM_P95_SECONDS * 1000, found
