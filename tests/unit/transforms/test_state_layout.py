"""Bytes of streaming state: golden, so that a change of a layout is seen and raises its version."""

from collections import deque

import numpy as np
import pytest

from schemas.saga.facts import SagaFact
from transforms.buffer_until import Part, pack_held, pack_part, unpack_held, unpack_part
from transforms.deduplicate.seen_ids import SEEN
from transforms.deduplicate.state import EMPTY, Directory, pack_ids, unpack_ids
from transforms.metrics import BatchMetrics
from transforms.sagas.columns import OrderFacts
from transforms.sagas.shard import SagaShard
from transforms.state_layout import StateLayoutError, add_version, state_name, strip_version
from transforms.windows.topic_monitor import TopicMonitor
from transforms.windows.topic_monitor_state import pack_monitor, unpack_monitor

MONITOR = TopicMonitor(
    "orders",
    60_000_000,
    {
        120_000_000: BatchMetrics(120_000_000, "orders", 3, 2, 0, 1, 0, None),
        60_000_000: BatchMetrics(60_000_000, "orders", 1, 1, 0, 0, 0, b"\x01\x02"),
    },
    deque([1.5, 2.0]),
    {"THROUGHPUT", "LAG"},
)
MONITOR_BYTES = (
    "01 95 a66f7264657273 ce03938700 92 98ce03938700a66f72646572730101000000c4020102"
    " 98ce07270e00a66f72646572730302000100c0 92 cb3ff8000000000000 cb4000000000000000 92 a34c4147 aa5448524f554748505554"
)
EVENT = "00000000-0000-4000-8000-000000000001"
LOG_BYTES = (
    "01 92 00 81 a16f 98 c4 29 00 0000000000000000 00000000000040008000000000000001 00000000000040008000000000000001"
    " 00 ce6be26880 00 00 00 00 c400"
)
IDS_BYTES = "01 0100000000000000 0200000000000000 0300000000000000 0400000000000000 05000000"


def test_the_bytes_of_a_topics_monitor_are_golden():
    assert pack_monitor(MONITOR) == bytes.fromhex(MONITOR_BYTES)
    assert unpack_monitor(bytes.fromhex(MONITOR_BYTES), "orders") == MONITOR
    assert unpack_monitor(None, "orders") == TopicMonitor("orders")
    assert unpack_monitor(pack_monitor(TopicMonitor("a")), "a") == TopicMonitor("a")


def test_the_bytes_of_a_saga_shards_log_are_golden():
    facts = [SagaFact(0, EVENT, "order.created", None, EVENT)]
    log = SagaShard(1_800_000_000, 86_400_000_000).add_facts([OrderFacts("o", facts, [0])]).log
    assert log == bytes.fromhex(LOG_BYTES)
    assert len(SagaShard(1_800_000_000, 86_400_000_000, [bytes.fromhex(LOG_BYTES)])) == 1


def test_the_bytes_of_remembered_ids_are_golden():
    ids = np.array([(1, 2, 3, 4, 5)], SEEN)
    assert pack_ids(ids) == bytes.fromhex(IDS_BYTES)
    assert unpack_ids([bytes.fromhex(IDS_BYTES)] * 2).tolist() == [(1, 2, 3, 4, 5)] * 2
    assert len(unpack_ids([])) == 0


def test_the_bytes_of_buffered_parts_are_golden():
    part = bytes.fromhex("01 0300000000000000 6162")
    assert (pack_part(Part(3, b"ab")), unpack_part(part)) == (part, Part(3, b"ab"))
    held = bytes.fromhex("01 0a00000000000000 40420f0000000000")
    assert (pack_held(10, 1_000_000), unpack_held(held), unpack_held(None)) == (held, (10, 1_000_000), (0, 0))


def test_the_bytes_of_a_directory_are_golden():
    directory = Directory(bytes.fromhex("01" + "ab" * 16 + "0700000000000000" + "ff" * 40))
    assert (directory.token, directory.buckets) == (b"\xab" * 16, [7, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY])
    packed = directory.pack()
    assert (packed[0], packed[1:17], packed[17:]) == (1, directory.token, bytes.fromhex("0700000000000000" + "ff" * 40))


@pytest.mark.parametrize("packed", [b"", b"\x80\x04pickle", b"\x02"], ids=["nothing", "a pickle", "a later version"])
@pytest.mark.parametrize(
    "read",
    [
        lambda packed: unpack_monitor(packed, "orders"),
        lambda packed: SagaShard(1, 1, [packed]),
        lambda packed: unpack_ids([packed]),
        lambda packed: unpack_part(packed),
        lambda packed: unpack_held(packed),
        lambda packed: strip_version(1, packed, "x"),
    ],
    ids=["monitor", "log", "ids", "part", "held", "any"],
)
def test_another_layout_is_an_error_that_names_both_versions(read, packed):
    with pytest.raises(StateLayoutError, match=r"layout version (none|128|2), this version reads 1; drain the job"):
        read(packed)


def test_the_version_is_in_the_value_and_in_the_name():
    assert add_version(3, b"a") == b"\x03a"
    assert strip_version(3, b"\x03a", "x") == b"a"
    assert state_name("watch", 3) == "watch_v3"
