"""From which publish time on messages may be missing when a streaming run is killed."""

import time

from google.cloud import bigquery

from pipelines.stores.target import Target
from pipelines.stream import run_record
from pipelines.stream.run_record import StreamRecord


def record(oldest, tmp_path, lag: float) -> StreamRecord:
    client: bigquery.Client = None  # type: ignore[assignment]  # nothing is written here
    return StreamRecord(
        client, Target.local(tmp_path), run_id="r", started=100, version="t", oldest=oldest, lag_seconds=lag
    )


def test_the_range_begins_with_the_run_until_the_lag_is_over(tmp_path):
    times = iter([500, 600])
    running = record(lambda: next(times), tmp_path, lag=1000)
    assert running._settled() == 100
    assert running._settled() == 100


def test_the_range_moves_on_to_what_was_in_flight_before_the_lag(tmp_path):
    times = iter([500, 600, 700])
    running = record(lambda: next(times), tmp_path, lag=0.05)
    running._since = running._settled()
    time.sleep(0.1)
    assert running._settled() == 500


def test_a_backlog_of_old_messages_moves_the_range_back(tmp_path):
    times = iter([500, 20])
    running = record(lambda: next(times), tmp_path, lag=1000)
    running._since = running._settled()
    assert running._settled() == 20


def test_a_record_in_the_cloud_is_renewed_less_often():
    cloud = StreamRecord(
        None, Target("proj", lake="gs://b"), run_id="r", started=1, version="t", oldest=lambda: 1, lag_seconds=1  # type: ignore[arg-type]
    )  # fmt: skip
    assert cloud._period == run_record.RENEW_CLOUD_SECONDS
