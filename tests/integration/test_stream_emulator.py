"""Messages end to end through a streaming run: emulator, Prism, every sink, compared with the archive and a batch run."""

import base64
import gzip
import json
import random
import signal
import time
from itertools import islice
from pathlib import Path

import pytest

from tests.integration.test_corpus_local import CORPUS, payload
from tests.support.live import (
    archived,
    bounded_run,
    finish,
    kill,
    need_prism_program,
    simulated,
    start_stream,
    wait_until_running,
)
from tests.support.paths import SHARED
from tests.support.runs import query

VIEWS = (
    "order_saga_current",
    "order_current",
    "customer_current",
    "stock_level",
    "event_counts_current",
    "revenue_by_day",
)
REAL = SHARED / "data" / "real"
IDLE = ("--stop_after_idle", "4")


@pytest.fixture(scope="module", autouse=True)
def prism():
    return need_prism_program()


def events_of(messages) -> list[str]:
    """Event ids in messages that have one."""
    found = []
    for _, data, _ in messages:
        try:
            found.append(json.loads(data)["eventId"].lower())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return found


def view(output: Path, name: str) -> list[tuple]:
    skipped = {"run_id", "ingest_time"}
    columns = [row[0] for row in query(output, f"describe analytics.{name}") if row[0] not in skipped]
    return sorted(query(output, f"select {', '.join(columns)} from analytics.{name}"), key=repr)


def assert_same_views(live: Path, batch: Path) -> None:
    for name in VIEWS:
        assert view(live, name) == view(batch, name), name
    ids = "select event_id, message_id, publish_time from event_store.events_distinct order by 1"
    assert query(live, ids) == query(batch, ids)


def test_every_message_has_one_outcome_and_the_views_are_those_of_a_batch(bus, tmp_path):
    messages = simulated(tmp_path / "sim", 3000)
    random.Random(5).shuffle(messages)
    messages += random.Random(6).sample(messages, 300)
    output = tmp_path / "out"
    sent = bus.publish(messages)
    finish(start_stream(bus, output, *IDLE), output)

    assert len(archived(output / "lake")) == sent
    sums = "select sum(received), sum(valid), sum(duplicates), sum(dead_letters) from analytics.pipeline_metrics"
    received, valid, duplicates, dead = query(output, sums)[0]
    assert (received, received) == (sent, valid + duplicates + dead)
    assert query(output, "select count(distinct event_id) from event_store.events")[0][0] == valid
    assert query(output, "select count(*) from event_store.dead_letters")[0][0] == dead
    newest = """select window_start, event_type, sum(events), sum(amount) from (
        select * from analytics.event_counts
        qualify row_number() over (partition by run_id, window_start, event_type order by pane desc) = 1
        ) group by 1, 2"""
    current = "select window_start, event_type, events, amount from analytics.event_counts_current"
    assert sorted(query(output, newest), key=repr) == sorted(query(output, current), key=repr)
    assert_same_views(output, bounded_run(output / "lake", tmp_path / "batch"))


def cut_by_restarts(bus, tmp_path: Path, events: int, runs: int) -> None:
    """Publish shuffled and redelivered messages in parts, a run each: all is there, and views are those of a batch."""
    messages = simulated(tmp_path / "sim", events)
    random.Random(5).shuffle(messages)
    messages += random.Random(6).sample(messages, events // 10)
    output, size = tmp_path / "out", -(-len(messages) // runs)
    for first in range(0, len(messages), size):
        bus.publish(messages[first : first + size])
        finish(start_stream(bus, output, *IDLE), output)
    assert len(archived(output / "lake")) == len(messages)
    assert_same_views(output, bounded_run(output / "lake", tmp_path / "batch"))


def test_a_second_start_goes_on_where_the_first_ended(bus, tmp_path):
    cut_by_restarts(bus, tmp_path, events=1000, runs=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_messages_cut_by_restarts_give_the_views_of_a_batch(bus, tmp_path):
    cut_by_restarts(bus, tmp_path, events=10_000, runs=4)


def test_sigterm_under_load_drains_and_ends_with_0(bus, tmp_path):
    messages = simulated(tmp_path / "sim", 4000, "--dirty", "0")
    output = tmp_path / "out"
    process = start_stream(bus, output)
    wait_until_running(process, output)
    bus.publish(messages[:2000])
    process.send_signal(signal.SIGTERM)
    told, sent = time.monotonic(), 2000
    while process.poll() is None and sent < 3800:  # the load goes on while it drains
        bus.publish(messages[sent : sent + 50])
        sent += 50
        time.sleep(0.02)
    finish(process, output, 40)
    assert time.monotonic() - told < 30
    bus.publish(messages[sent:])
    stored = {(record["topic"], record["message_id"]) for record in archived(output / "lake")}
    assert len(stored) < len(messages)
    finish(start_stream(bus, output, *IDLE), output)
    again = archived(output / "lake")
    assert len(again) == len(messages), "what was stored had not been acknowledged, or what was not stored had been"
    assert len({(record["topic"], record["message_id"]) for record in again}) == len(messages)


def kill_and_reconcile(bus, tmp_path: Path, events: int, kills: int, program=("-m", "pipelines")) -> tuple[set, set]:
    """Publish with 10 % redelivered, kill at random moments, drain; return the ids published and those archived."""
    messages = simulated(tmp_path / "sim", events, "--dirty", "0")
    messages += random.Random(7).sample(messages, events // 10)
    chance = random.Random(time.time_ns())
    output, step = tmp_path / "out", len(messages) // (kills + 1)
    for number in range(kills):
        process = start_stream(bus, output, program=program)
        wait_until_running(process, output)
        part = messages[number * step : (number + 1) * step]
        for first in range(0, len(part), 100):
            bus.publish(part[first : first + 100])
        time.sleep(chance.uniform(0.5, 3.0))
        kill(process)
        (output / "stream.log").unlink()
    bus.publish(messages[kills * step :])
    finish(start_stream(bus, output, "--stop_after_idle", "15", program=program), output)
    stored = {json.loads(record["data"])["eventId"].lower() for record in archived(output / "lake")}
    return set(events_of(messages)), stored


def assert_nothing_lost_or_twice(tmp_path: Path, published: set, stored: set) -> None:
    assert stored == published
    batch = bounded_run(tmp_path / "out" / "lake", tmp_path / "batch")
    found = [row[0] for row in query(batch, "select event_id from event_store.events_distinct")]
    assert sorted(found) == sorted(published)
    live = [row[0] for row in query(tmp_path / "out", "select event_id from event_store.events_distinct")]
    assert len(live) == len(set(live))
    assert set(live) <= published


def test_three_kills_lose_nothing(bus, tmp_path):
    published, stored = kill_and_reconcile(bus, tmp_path, events=4000, kills=3)
    assert_nothing_lost_or_twice(tmp_path, published, stored)


def test_the_harness_fails_where_messages_are_acknowledged_before_the_archive_holds_them(bus, tmp_path):
    published, stored = kill_and_reconcile(bus, tmp_path, 1500, 1, program=("-m", "tests.support.ack_first"))
    assert published - stored


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_lose_nothing(bus, tmp_path):
    published, stored = kill_and_reconcile(bus, tmp_path, events=20_000, kills=20)
    assert_nothing_lost_or_twice(tmp_path, published, stored)


@pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus is not part of the project")
def test_every_case_of_the_corpus_has_its_outcome_and_the_pipeline_succeeds(bus, tmp_path):
    loaded = json.loads(CORPUS.read_text())
    cases = {case["id"]: case for case in loaded["cases"]}
    output = tmp_path / "out"
    bus.publish((case["topic"], payload(case), {"case": name}) for name, case in cases.items())
    finish(start_stream(bus, output, *IDLE), output)

    stored = archived(output / "lake")
    case_of = {(record["topic"], record["message_id"]): record["attributes"]["case"] for record in stored}
    assert sorted(case_of.values()) == sorted(cases)
    dead_letters = query(output, "select topic, message_id, error_code from event_store.dead_letters")
    dead = {case_of[topic, message_id]: code for topic, message_id, code in dead_letters}
    valid = {case_of[row] for row in query(output, "select topic, message_id from event_store.events")}
    assert valid | set(dead) == set(cases)
    assert not valid & set(dead)
    for name, case in cases.items():
        if case.get("error_code") == "TIME_RANGE":
            continue  # judged by the publish time, which is today's here
        wanted = {case["expect"], *case.get("expect_also_ok", [])}
        assert ("dead_letter" in wanted) if name in dead else (wanted - {"dead_letter"}), name
        if name in dead and case["expect"] == "dead_letter":
            assert dead[name] in (case["error_code"], *case.get("error_codes_ok", [])), name


@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not part of the project")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_streaming_and_batch_runs_of_real_records_give_the_same_views(bus, tmp_path):
    messages = [
        (path.name.split(".")[0], base64.b64decode(message["data"]), message["attributes"])
        for path in sorted(REAL.glob("*.jsonl.gz"))
        for message in map(json.loads, islice(gzip.decompress(path.read_bytes()).splitlines(), 6000))
    ]
    output = tmp_path / "out"
    assert bus.publish(messages) == len(messages) >= 20_000
    finish(start_stream(bus, output, *IDLE), output)
    assert_same_views(output, bounded_run(output / "lake", tmp_path / "batch"))
