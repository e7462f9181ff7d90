"""Every message goes to the archive, by topic and hour: topics that are not known share a folder."""

from io import BytesIO

import fastavro

from schemas.message import Message
from transforms.archive.batch import ArchiveMessages, _ArchiveFn
from transforms.sources.read_avro import read_avro


def archived(tmp_path, messages, batch=500):
    step = _ArchiveFn(str(tmp_path), "run")
    step.start_bundle()
    files = [file for start in range(0, len(messages), batch) for file in step.process(messages[start : start + batch])]
    files += [windowed.value for windowed in step.finish_bundle()]
    assert ArchiveMessages(root=str(tmp_path), run_id="run")
    return files


def test_messages_of_any_number_of_unknown_topics_are_one_file(tmp_path):
    messages = [Message(f"topic-{number}", str(number), 1, {}, b"data") for number in range(3000)]
    [file] = archived(tmp_path, messages)
    assert (file.feed, file.rows) == ("archive/unknown", 3000)
    [path] = (tmp_path / "archive" / "unknown").rglob("*.avro*")
    data = path.read_bytes()
    assert list(read_avro(BytesIO(data), "unknown")) == messages
    assert len(list(fastavro.reader(BytesIO(data)))) == 3000


def test_topics_and_hours_have_files_of_their_own(tmp_path):
    hour = 3_600_000_000
    messages = [Message(topic, str(n), n * hour, {}, b"") for topic in ("orders", "customers") for n in range(2)]
    found = sorted((file.feed, file.partition, file.rows) for file in archived(tmp_path, messages))
    assert found == [
        (f"archive/{topic}", f"dt=1970-01-01/hour=0{n}", 1) for topic in ("customers", "orders") for n in range(2)
    ]
