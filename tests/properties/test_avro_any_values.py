"""Avro blocks hold what went in, whatever it was, by fastavro's own reader and writer."""

from io import BytesIO

import fastavro
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.message import Message
from schemas.timestamps import EARLIEST_US, LATEST_US, to_datetime
from transforms.archive.batch import archive_avro, archive_record
from transforms.sinks.files.avro_blocks import encode_longs

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
messages = st.builds(
    Message,
    texts,
    texts,
    st.integers(EARLIEST_US, LATEST_US),
    st.dictionaries(texts, texts, max_size=3),
    st.binary(max_size=100) | st.integers(8_000, 8_400).map(bytes),
)


@given(st.lists(messages, max_size=20))
def test_the_archive_holds_every_message_unchanged(given_messages):
    expected = [
        {**archive_record(message), "publish_time": to_datetime(message.publish_time)} for message in given_messages
    ]
    assert list(fastavro.reader(BytesIO(archive_avro(given_messages)))) == expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_every_whole_number_has_fastavros_bytes(values):
    file = BytesIO()
    schema = fastavro.parse_schema("long")
    for value in values:
        fastavro.schemaless_writer(file, schema, value)
    assert b"".join(encode_longs(np.array(values, np.int64)).to_pylist()) == file.getvalue()
