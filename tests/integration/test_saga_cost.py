"""What sagas cost: a share of a batch's CPU, bytes of state. The long form is the issue's own: a million of each."""

import json
import subprocess
import sys
import time
from random import Random

import pyarrow as pa
import pytest

from benchmarks.sagas import bundles, state
from schemas.decode.decoder import Decoder
from schemas.saga.reducer import DEFAULT_TIMEOUT_US
from tests.support.command import run_command
from tests.support.paths import ROOT
from tests.support.saga_events import MINUTE_US, arrivals, generated_orders, messages_of
from transforms.decode.decode import decode_batch
from transforms.event_batch import EventColumns
from transforms.gc_pause import collector_paused
from transforms.sagas import shard as saga_shard
from transforms.sagas.batch import _FoldFn
from transforms.sagas.columns import saga_facts, split_by_shard
from transforms.sagas.shard import SagaShard
from transforms.sagas.stream import DEFAULT_RETENTION_US
from transforms.windows.counts import to_ipc


def test_an_open_saga_of_three_facts_takes_less_than_330_bytes_of_state():
    found = state(5_000)
    print(found)
    assert found["state_bytes_a_saga"] < 330


def test_what_a_shard_queues_and_logs_stays_in_proportion_to_its_orders(monkeypatch):
    monkeypatch.setattr(saga_shard, "_SNAPSHOT_ORDERS", 100)
    shard, rng, log = SagaShard(DEFAULT_TIMEOUT_US, DEFAULT_RETENTION_US), Random(3), 0
    facts = [fact for bundle in bundles(300) for fact in bundle]
    for turn in range(9):  # attempts of the same orders, again and again: every one moves a deadline
        for order in rng.sample(facts, len(facts)):
            moved = [
                fact._replace(
                    event_id=f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}",
                    event_time_us=fact.event_time_us + turn * MINUTE_US,
                )
                for fact in order.facts
            ]
            log += bool(shard.add_facts([order._replace(facts=moved)]).log)
            if shard.wants_snapshot:
                log = len(list(shard.snapshot()))
    assert len(shard) == 300
    assert len(shard._due) <= 2 * len(shard) + 100 + 1
    assert log <= 3 * len(shard) + 4096 + 1


def test_folding_sagas_costs_less_than_decoding_the_same_events():
    """Here every event is a fact, in a real mix half of them; and `local` takes three to four times what decoding does: so
    this stays far below the quarter that the issue allows. Measured: 0.4. The long form below measures the quarter.
    """
    messages = messages_of(arrivals(generated_orders(4000, seed=81)))
    fold, decode, columns = _FoldFn("r", DEFAULT_TIMEOUT_US), Decoder(), EventColumns()
    ratios = []
    for _ in range(3):
        began = time.process_time()
        with collector_paused():
            events, dead = decode_batch(decode, messages)
            wide = columns.batches(events)
        decoded = time.process_time()
        facts = pa.Table.from_batches([saga_facts(batch.rows) for batch in wide])
        parts = [(shard, [to_ipc(part)]) for shard, part in split_by_shard(facts, 4)]
        rows = sum(getattr(made, "rows", None) is not None for part in parts for made in fold.process(part))
        folded = time.process_time()
        assert not dead
        assert rows
        ratios.append((folded - decoded) / (decoded - began))
    print(ratios)
    assert min(ratios) < 0.8


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sagas_add_at_most_a_quarter_to_the_cpu_of_a_million_events(tmp_path):
    assert run_command("simulate", "--output", tmp_path / "in", "--events", 1_000_000, "--seed", 2)[0] == 0
    words = [sys.executable, "-m", "benchmarks.sagas", "batch", tmp_path / "in", tmp_path / "out", "--runs", "1"]
    found = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    print(found)
    assert found["sagas_add_percent"] <= 25


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_million_open_sagas_fit_into_a_gibibyte_over_all_workers():
    words = [sys.executable, "-m", "benchmarks.sagas", "state"]
    found = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    print(found)
    assert found["sagas"] == 1_000_000
    assert found["memory_mib"] < 1024
    assert found["state_bytes_a_saga"] < 330
