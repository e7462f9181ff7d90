"""The connection to a write stream: kept while it serves, renewed when it is old or was closed, and never hung on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.bigquery_storage_v1 import types

from tests.support.append_harness import SCHEMA, TABLES, Warehouse, batches, warehouse
from tests.support.storage_write import write_client
from transforms.sinks.bigquery.append_stream import ConnectionClosed, ConnectionEnded, WriteStream

PAYLOADS = [rows.rows.serialize().to_pybytes() for rows in batches("events", 12, size=2)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def serving(
    folder: Path, *faults: dict[str, Any], clock: Clock | None = None
) -> Iterator[tuple[Warehouse, WriteStream]]:
    """Give a warehouse and a connection to the default stream of its events."""
    with warehouse(folder, *faults) as server:
        name = f"{TABLES.path('events')}/streams/_default"
        client = write_client(server.target)
        yield server, WriteStream(client, name, trace_id="test:1", max_age_seconds=540.0, clock=clock or Clock())
        client.transport.close()


def send(to: WriteStream, payload: bytes) -> types.AppendRowsResponse:
    return to.send(payload, SCHEMA, None).result(10)


def test_one_connection_serves_until_it_is_old(tmp_path: Path) -> None:
    clock = Clock()
    with serving(tmp_path, clock=clock) as (server, events):
        for payload in PAYLOADS[:3]:
            send(events, payload)
            clock.now += 170.0
        assert events.connections == 1
        clock.now += 170.0
        for payload in PAYLOADS[3:]:
            send(events, payload)
        assert events.connections == 2
        assert len(server.ids("events")) == 12


def test_replies_that_are_owed_by_an_old_connection_still_come(tmp_path: Path) -> None:
    with serving(tmp_path, {"on": "append", "call": 1, "delay_seconds": 0.3}) as (server, events):
        owed = events.send(PAYLOADS[0], SCHEMA, None)
        events.renew()
        send(events, PAYLOADS[1])
        assert not owed.result(10).error.code
        assert len(server.ids("events")) == 4


def test_a_connection_that_the_server_closed_is_opened_again(tmp_path: Path) -> None:
    with serving(tmp_path, {"on": "append", "call": "1-3", "close_stream": True}) as (server, events):
        for payload in PAYLOADS:
            while True:
                try:
                    send(events, payload)
                    break
                except (ConnectionClosed, grpc.RpcError):  # sent before the client could learn of the end
                    continue
        assert events.connections >= 4
        assert len(server.ids("events")) == 12


def test_only_the_first_waiting_client_gets_the_status(tmp_path: Path) -> None:
    fault = {"on": "append", "call": 1, "delay_seconds": 0.2, "status": "PERMISSION_DENIED"}
    with serving(tmp_path, fault) as (_, events):
        first, second = (events.send(payload, SCHEMA, None) for payload in PAYLOADS[:2])
        with pytest.raises(grpc.RpcError) as rejected:
            first.result(10)
        assert rejected.value.code() is grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(ConnectionEnded):
            second.result(10)


def test_a_server_that_does_not_answer_can_be_left(tmp_path: Path) -> None:
    with serving(tmp_path, {"on": "append", "call": 1, "delay_seconds": 2}) as (_, events):
        hung = events.send(PAYLOADS[0], SCHEMA, None)
        with pytest.raises(TimeoutError):
            hung.result(0.1)
        events.cancel()
        with pytest.raises(grpc.RpcError):
            hung.result(2)
        send(events, PAYLOADS[1])
