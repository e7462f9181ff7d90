"""Spills: events come back as they went, but for the rows that repeat others; messages only where they are asked for."""

import uuid

import pyarrow as pa
import pytest
from apache_beam.io.filesystems import FileSystems
from hypothesis import given
from hypothesis import strategies as st

from schemas.decode.decoder import Decoder
from tests.support.events import make_event, make_message
from transforms.decode.decode import decode_batch
from transforms.deduplicate.spill import read_ids, read_messages, read_rows, read_spill, write_spill
from transforms.event_batch import EventColumns


@pytest.fixture(scope="module")
def batches():
    messages = [
        make_message(
            make_event("order.updated", eventId=str(uuid.UUID(int=number))), attributes={"n": "1"} if number % 3 else {}
        )
        for number in range(90)
    ]
    events, dead = decode_batch(Decoder(), messages)
    assert not dead
    [wide] = EventColumns().batches(events)
    return [wide.rows.slice(start, 37) for start in range(0, 90, 37)]


@pytest.fixture(scope="module")
def written(batches, tmp_path_factory):
    return write_spill(str(tmp_path_factory.mktemp("spill") / "temp"), "order_events", batches, 8)


def expected(batches, columns, rows):
    return pa.Table.from_batches(batches).select(columns).take(rows).combine_chunks().to_pylist()


@given(st.data())
def test_events_are_read_from_the_store_without_duplicates(batches, written, data):
    spill, _ = written
    without = sorted(data.draw(st.sets(st.integers(0, spill.rows - 1))))
    back = read_spill(spill, without)
    assert back.to_pylist() == expected(batches, back.schema.names, sorted(set(range(spill.rows)) - set(without)))
    assert not {"payload", "attributes", "content"} & set(back.schema.names)


@given(st.data())
def test_rows_and_their_messages_are_found_by_number(batches, written, data):
    spill, _ = written
    rows = sorted(data.draw(st.sets(st.integers(0, spill.rows - 1), min_size=1)))
    back = read_rows(spill, rows)
    assert back.to_pylist() == expected(batches, back.schema.names, rows)
    assert read_messages(spill, rows).to_pylist() == expected(batches, ["payload", "attributes"], rows)


def test_every_id_is_in_exactly_one_slice(written):
    spill, slices = written
    rows = [row for part in slices.values() for row in read_ids(part)["row"].tolist()]
    assert sorted(rows) == list(range(spill.rows))


def test_another_file_system_holds_the_same(batches, written, tmp_path, monkeypatch):
    """What is no local path goes through Beam's file systems."""
    create, open_, root = FileSystems.create, FileSystems.open, str(tmp_path)
    monkeypatch.setattr(FileSystems, "create", lambda path, *args: create(path.replace("mem://x", root), *args))
    monkeypatch.setattr(FileSystems, "open", lambda path, **args: open_(path.replace("mem://x", root), **args))
    monkeypatch.setattr(FileSystems, "join", lambda *parts: "/".join(parts))
    spill, slices = write_spill("mem://x", "order_events", batches, 8)
    assert read_spill(spill, [1, 5]).equals(read_spill(written[0], [1, 5]))
    assert sum(len(read_ids(part)) for part in slices.values()) == spill.rows
