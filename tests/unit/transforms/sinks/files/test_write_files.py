"""Dead letters become files by day; many of one batch are a file of their own, so that no key holds all of a run."""

import json
from collections import defaultdict

import pytest
from apache_beam.pvalue import TaggedOutput

from schemas.event import make_dead_letter
from schemas.message import Message
from schemas.outcomes import Code, Rejected, Stage
from schemas.timestamps import parse_rfc3339
from transforms.sinks.files.dead_letter_files import read_lines
from transforms.sinks.files.write_files import _join, _lines
from transforms.table_rows import Run

RUN = Run(run_id="run", started=parse_rfc3339("2026-06-15T12:00:00Z")[0], version="1")
DAYS = [parse_rfc3339(f"2026-06-{day}T12:00:00Z")[0] for day in (15, 16)]


def dead_letters(count: int, moment: int = DAYS[0], first: int = 0):
    rejected = Rejected(Stage.BYTES, Code.EMPTY, "", "empty")
    return [
        make_dead_letter(Message("orders", f"m{first + n}", moment, {}, b"x" * 200), rejected) for n in range(count)
    ]


def contents(batches, compression="none"):
    own, keyed = [], defaultdict(list)
    for batch in batches:
        for part in _lines(batch, RUN, compression):
            if isinstance(part, TaggedOutput):
                own.append(part.value)
            else:
                keyed[part[0]].append(part[1])
    return own + [content for parts in keyed.items() for content in _join(parts, compression)]


def test_few_dead_letters_of_many_batches_are_one_file_per_day():
    made = contents([dead_letters(3), dead_letters(2, DAYS[1], 3), dead_letters(4, first=5)])
    assert sorted((content.partition, content.rows) for content in made) == [("dt=2026-06-15", 7), ("dt=2026-06-16", 2)]
    found = [json.loads(line)["message_id"] for content in made for line in content.data.splitlines()]
    assert sorted(found) == sorted(f"m{number}" for number in range(9))


@pytest.mark.parametrize(("size", "files"), [(999, 1), (1000, 3)], ids=["just not many", "many"])
def test_many_dead_letters_of_a_batch_are_a_file_of_their_own(size, files):
    made = contents([dead_letters(size)] * 3)
    assert [content.partition for content in made] == ["dt=2026-06-15"] * files
    assert sum(content.rows for content in made) == 3 * size
    assert sum(len(content.data.splitlines()) for content in made) == 3 * size


def test_what_is_shuffled_is_compressed():
    [(_, (count, data))] = _lines(dead_letters(500), RUN, "none")
    assert count == 500
    assert len(data) < 500 * 200 / 4


@pytest.mark.parametrize("size", [3, 1500])
def test_files_are_compressed_on_request(size):
    [plain], [packed] = (contents([dead_letters(size)], compression) for compression in ("none", "gzip"))
    assert (plain.extension, packed.extension) == ("jsonl", "jsonl.gz")
    assert len(packed.data) < len(plain.data) / 4
    assert read_lines("a.jsonl.gz", packed.data) == read_lines("a.jsonl", plain.data)
