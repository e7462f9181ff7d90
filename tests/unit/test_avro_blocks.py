"""Avro blocks made from columns hold what fastavro reads: the same values, whatever they are."""

from io import BytesIO

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.message import MESSAGE_AVRO, Message
from schemas.times import EARLIEST_US, LATEST_US, to_datetime
from transforms.archive import archive_avro, archive_record
from transforms.avro_blocks import encode_column, encode_longs, file_header, file_pieces, join_records

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
messages = st.builds(
    Message,
    texts,
    texts,
    st.integers(EARLIEST_US, LATEST_US),
    st.dictionaries(texts, texts, max_size=3),
    st.binary(max_size=100) | st.integers(8_000, 8_400).map(bytes),
)


def read(data):
    return list(fastavro.reader(BytesIO(data)))


@given(st.lists(messages, max_size=20))
def test_the_archive_holds_every_message_as_it_came(given_messages):
    expected = [
        {**archive_record(message), "publishTime": to_datetime(message.publish_time)} for message in given_messages
    ]
    assert read(archive_avro(given_messages)) == expected


def test_a_file_is_what_fastavro_writes_but_for_its_marks():
    message = Message("orders", "m1", 1_781_524_800_000_001, {"k": "v"}, b"data" * 3000)
    theirs = BytesIO()
    fastavro.writer(theirs, fastavro.parse_schema(MESSAGE_AVRO), [archive_record(message)])
    mine = archive_avro([message])
    assert len(mine) == len(theirs.getvalue())
    assert mine.replace(mine[-16:], b"") == theirs.getvalue().replace(theirs.getvalue()[-16:], b"")


def test_many_messages_are_cut_into_blocks_that_a_reader_can_skip():
    data = archive_avro([Message("orders", str(number), number, {}, b"x" * 2000) for number in range(1000)])
    blocks = [block.num_records for block in fastavro.block_reader(BytesIO(data))]
    assert (sum(blocks), len(blocks) > 3) == (1000, True)


@pytest.mark.parametrize(
    ("avro", "column"),
    [
        ("string", pa.array(["", "é", "a" * 9000])),
        (["null", "string"], pa.array(["a", None, ""])),
        (["null", "string"], pa.array([None], pa.string())),
        ("double", pa.array([0.0, -1.5, 1e300])),
        ("long", pa.array([0, -1, 63, 64, -64, -65, 2**63 - 1, -(2**63)])),
        ("long", pa.array([1, 2, 3])[1:]),
        ("string", pa.array(["a", "b", "c"])[1:]),
        ("long", pa.array([], pa.int64())),
    ],
    ids=["texts", "some absent", "all absent", "floats", "whole numbers", "slice", "slice of texts", "none"],
)
def test_a_column_comes_back_as_it_went(avro, column):
    schema = {"type": "record", "name": "r", "fields": [{"name": "cell", "type": avro}]}
    cells = encode_column(column, optional=isinstance(avro, list))
    data = b"".join(file_pieces(file_header(schema), [(len(cells), join_records([cells]))]))
    assert [record["cell"] for record in read(data)] == column.to_pylist()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_every_whole_number_has_fastavros_bytes(values):
    file = BytesIO()
    schema = fastavro.parse_schema("long")
    for value in values:
        fastavro.schemaless_writer(file, schema, value)
    assert b"".join(encode_longs(np.array(values, np.int64))) == file.getvalue()
