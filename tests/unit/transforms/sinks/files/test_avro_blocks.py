"""Avro blocks made from columns hold what fastavro reads: the same values, whatever they are."""

from io import BytesIO

import fastavro
import pyarrow as pa
import pytest

from schemas.message import Message
from schemas.message_records import MESSAGE_AVRO, WRITER, WRITER_KEY
from transforms.archive.batch import ARCHIVE_HEADER, archive_avro, archive_record
from transforms.sinks.files.avro_blocks import (
    DEFLATE_LEVEL,
    encode_column,
    encode_maps,
    file_header,
    file_pieces,
    join_records,
)


def read(data):
    return list(fastavro.reader(BytesIO(data)))


def test_a_file_is_what_fastavro_writes_but_for_its_marks():
    message = Message("orders", "m1", 1_781_524_800_000_001, {"k": "v"}, b"data" * 3000)
    theirs = BytesIO()
    schema = fastavro.parse_schema(MESSAGE_AVRO)
    settings = {"codec": "deflate", "codec_compression_level": DEFLATE_LEVEL, "metadata": {WRITER_KEY: WRITER}}
    fastavro.writer(theirs, schema, [archive_record(message)], **settings)
    mine = archive_avro([message])
    start = len(ARCHIVE_HEADER) - 16
    assert mine[:start] == theirs.getvalue()[:start]
    for data in (mine, theirs.getvalue()):
        [block] = fastavro.block_reader(BytesIO(data))
        assert (block.codec, block.num_records) == ("deflate", 1)
    assert read(mine) == read(theirs.getvalue())


def test_many_messages_are_cut_into_blocks_that_a_reader_can_skip():
    data = archive_avro([Message("orders", str(number), number, {}, b"x" * 5000) for number in range(1000)])
    assert len(data) < 100_000
    blocks = [block.num_records for block in fastavro.block_reader(BytesIO(data))]
    assert (sum(blocks), len(blocks) > 3) == (1000, True)


@pytest.mark.parametrize(
    ("avro", "column"),
    [
        ("string", pa.array(["", "é", "a" * 9000])),
        (["null", "string"], pa.array(["a", None, ""])),
        (["null", "string"], pa.array([None], pa.string())),
        ("string", pa.array(["a" * 8191])),
        ("string", pa.array(["a" * 8192])),
        ("double", pa.array([0.0, -1.5, 1e300])),
        ("long", pa.array([0, -1, 63, 64, -64, -65, 2**63 - 1, -(2**63)])),
        ("long", pa.array([1, 2, 3])[1:]),
        ("string", pa.array(["a", "b", "c"])[1:]),
        ("long", pa.array([], pa.int64())),
    ],
    ids=[
        "texts",
        "some absent",
        "all absent",
        "a text of the last known size",
        "a text of the first size beyond",
        "floats",
        "whole numbers",
        "slice",
        "slice of texts",
        "none",
    ],
)
def test_a_column_comes_back_as_it_went(avro, column):
    schema = {"type": "record", "name": "r", "fields": [{"name": "cell", "type": avro}]}
    cells = encode_column(column, optional=isinstance(avro, list))
    data = b"".join(file_pieces(file_header(schema), [(len(column), join_records([cells]))]))
    assert [record["cell"] for record in read(data)] == column.to_pylist()


@pytest.mark.parametrize(
    "maps",
    [
        [{}, {}],
        [{"k": "v"}, {}, {"é": "", "": "ü" * 100}],
        [{}, {"k": "v"}, {}],
        [{str(number): "x" for number in range(100)}],
    ],
    ids=["none", "some empty", "empty ones around", "more pairs than a byte counts"],
)
def test_maps_come_back_as_they_went_with_the_empty_ones_among_them(maps):
    fields = [{"name": "map", "type": {"type": "map", "values": "string"}}, {"name": "next", "type": "string"}]
    header = file_header({"type": "record", "name": "r", "fields": fields})
    cells = [encode_maps(maps), encode_column(pa.array(["after"] * len(maps)), optional=False)]
    data = b"".join(file_pieces(header, [(len(maps), join_records(cells))]))
    assert read(data) == [{"map": map, "next": "after"} for map in maps]
