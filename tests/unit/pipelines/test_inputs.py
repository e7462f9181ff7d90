"""Inputs are found, checked before anything is written, and named when they cannot be read."""

import bz2
import gzip
import io
import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from pipelines.errors import UserError
from pipelines.inputs import open_inputs, plan_inputs
from schemas.message import Message
from tests.support.events import make_event, message_line
from transforms.archive.batch import archive_avro
from transforms.sources import open_input
from transforms.sources.read_files import read_range

EVENT = json.dumps(make_event("order.created"))
MESSAGE = message_line("orders", 3, b"data", "2026-06-15T12:00:00Z", {})
ARCHIVED = archive_avro([Message("orders", "1", 1, {}, b"data")])


def read(*inputs, form="auto") -> list:
    with open_inputs([str(path) for path in inputs], form) as ranges:
        return [message for part in ranges for message in read_range(part, 0)]


def write(path, data):
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("orders.jsonl", EVENT),
        ("orders.ndjson", EVENT),
        ("orders.jsonl.gz", gzip.compress(EVENT.encode())),
        ("orders.ndjson.gz", gzip.compress(EVENT.encode()[:50]) + gzip.compress(EVENT.encode()[50:])),
        ("orders.jsonl.bz2", bz2.compress(EVENT.encode())),
        ("orders.ndjson.bz2", bz2.compress(EVENT.encode()[:50]) + bz2.compress(EVENT.encode()[50:])),
    ],
    ids=["jsonl", "ndjson", "gzip", "gzip of members", "bzip2", "bzip2 of members"],
)
def test_every_ending_is_read_from_a_folder(tmp_path, name, data):
    write(tmp_path / name, data)
    [message] = read(tmp_path)
    assert (message.topic, message.data) == ("orders", EVENT.encode())


def test_avro_is_found_below_a_folder_but_not_in_hidden_ones(tmp_path):
    for folder in ("archive/orders/dt=2026-06-15/hour=12", ".superseded/orders", "a/_temp"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder / "part.avro", ARCHIVED)
    write(tmp_path / "a" / "orders.jsonl", EVENT)
    write(tmp_path / "truth.jsonl", EVENT)
    write(tmp_path / "_manifest.jsonl", EVENT)
    assert [message.message_id for message in read(tmp_path)] == ["1"]


def test_files_are_read_in_the_order_of_their_names(tmp_path):
    for name in ("b.jsonl", "a.avro", "c.jsonl"):
        write(tmp_path / name, ARCHIVED if name.endswith(".avro") else EVENT)
    assert [message.message_id for message in read(tmp_path)] == ["1", "b.jsonl:0:00000000", "c.jsonl:0:00000000"]


def test_avro_is_recognized_by_its_content(tmp_path):
    assert [message.message_id for message in read(write(tmp_path / "archive.bin", ARCHIVED))] == ["1"]


@pytest.mark.parametrize(
    "text",
    [EVENT, json.dumps([json.loads(EVENT)], indent=1), MESSAGE, gzip.compress(EVENT.encode())],
    ids=["event", "array", "message", "gzip"],
)
def test_standard_input_is_read(monkeypatch, text):
    data = text.encode() if isinstance(text, str) else text
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    with open_inputs(["-"], "auto") as ranges:
        [message] = [message for part in ranges for message in read_range(part, 0)]
        assert message.topic == "orders"
        assert os.stat(ranges[0].path).st_mode & 0o077 == 0
    assert not os.path.exists(ranges[0].path)


def test_a_pipe_is_read_to_its_end_and_its_name_gives_the_topic(tmp_path):
    pipe = tmp_path / "inventory.jsonl"
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: pipe.write_text('{"a": 1}\n' * 3))
    thread.start()
    assert [message.topic for message in read(pipe)] == ["inventory"] * 3
    thread.join()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("orders.jsonl", b""),
        ("orders.jsonl", b"\n \r\n\t"),
        ("orders.jsonl", b"\n" * 200_000),
        ("orders.jsonl.gz", b""),
        ("orders.jsonl.gz", gzip.compress(b"")),
        ("orders.jsonl.bz2", bz2.compress(b"\n")),
        ("orders.avro", b""),
        ("orders.avro", archive_avro([])),
    ],
    ids=[
        "empty",
        "blank",
        "line ends",
        "empty gzip file",
        "gzip of nothing",
        "bzip2 of a line end",
        "empty avro",
        "avro",
    ],
)
def test_an_input_with_nothing_in_it_is_empty(tmp_path, name, data):
    path = write(tmp_path / name, data)
    for given in (path, tmp_path):
        with pytest.raises(UserError, match=rf"^--input .*{given.name}: the input is empty$"):
            plan_inputs([str(given)], "auto")
    assert len(read(path, write(tmp_path / "x.jsonl", EVENT))) == 1


def test_an_input_that_is_absent_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--input .*nowhere: no such file, or a folder without \*\.jsonl"):
        plan_inputs([str(tmp_path / "nowhere")], "auto")
    with pytest.raises(UserError, match=r"no such file, or a folder without .*\*\.ndjson\.bz2, \*\.avro$"):
        plan_inputs([str(tmp_path)], "auto")


def test_a_symbolic_link_to_nothing_is_named(tmp_path):
    link = tmp_path / "orders.jsonl"
    link.symlink_to(tmp_path / "gone")
    for given in (link, tmp_path):
        with pytest.raises(UserError, match=r"--input .*orders\.jsonl: cannot be read \(a symbolic link to no file\)"):
            plan_inputs([str(given)], "auto")


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "orders.jsonl", EVENT)

    def reject(*args, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(open_input.FileSystems, "open", reject)
    with pytest.raises(UserError, match=r"^--input .*orders\.jsonl: cannot be read \(Permission denied\)$"):
        plan_inputs([str(path)], "auto")


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    def reject(folder, onerror):
        onerror(PermissionError(13, "Permission denied", folder))

    monkeypatch.setattr(os, "walk", reject)
    with pytest.raises(UserError, match=r"^--input .*: cannot be read \(Permission denied\)$"):
        plan_inputs([str(tmp_path)], "auto")


def test_a_folder_with_the_name_of_a_file_is_a_folder(tmp_path):
    (tmp_path / "orders.jsonl").mkdir()
    with pytest.raises(UserError, match="no such file, or a folder without"):
        plan_inputs([str(tmp_path)], "auto")
    write(tmp_path / "customers.jsonl", EVENT)
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "damaged", "reason"),
    [
        ("orders.jsonl.gz", gzip.compress(EVENT.encode() * 50)[:-9], "the gzip file is truncated or damaged"),
        ("orders.jsonl.gz", b"{}", "the gzip file is truncated or damaged"),
        ("orders.jsonl.bz2", bz2.compress(EVENT.encode())[:-9], "the bzip2 file is truncated or damaged"),
        ("orders.jsonl.bz2", b"{}", "the bzip2 file is truncated or damaged"),
        ("orders.avro", b"not avro\n", "not an Avro file"),
        ("orders.avro", ARCHIVED[:-8], "the Avro file is truncated or damaged at block 1"),
    ],
    ids=["gzip cut", "no gzip", "bzip2 cut", "no bzip2", "no avro", "avro cut"],
)
def test_a_damaged_file_is_named_beside_good_ones(tmp_path, name, damaged, reason):
    write(tmp_path / "good.jsonl", EVENT)
    write(tmp_path / name, damaged)
    with pytest.raises(UserError, match=rf"^--input .*{name}: {reason}$"):
        plan_inputs([str(tmp_path)], "auto")


@pytest.mark.parametrize(
    ("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.bz2", bz2.compress)], ids=["gzip", "bzip2"]
)
def test_a_file_that_inflates_without_bounds_is_rejected(tmp_path, monkeypatch, name, pack):
    monkeypatch.setattr(open_input, "FREE_BYTES", 1 << 20)
    path = write(tmp_path / name, pack(b"x" * (2 << 20)))
    with pytest.raises(UserError, match=rf"{name}: the \w+ file inflates to more than 1 MiB and 200 times its size"):
        plan_inputs([str(path)], "auto")
    monkeypatch.setattr(open_input, "FREE_BYTES", 2 << 20)
    assert len(read(path)) == 1


def test_what_is_read_from_a_pipe_is_called_by_its_name_in_errors(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(ARCHIVED[:-8])))
    with pytest.raises(UserError, match=r"^--input -: the Avro file is truncated or damaged at block 1$"):
        plan_inputs(["-"], "auto")
