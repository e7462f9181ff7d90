"""Peak memory stays bounded whatever an input holds (docs/reliability.md, memory bounds)."""

import base64
import json
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import fastavro
import pytest

from schemas.message_records import MESSAGE_AVRO
from tests.support.events import PUBLISHED, make_event

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

MIB = 1 << 20
LINE = '{{"topic":"{topic}","messageId":"m{n}","publishTime":"{published}","attributes":{{}},"data":"{data}"}}\n'


def write_lines(path: Path, count: int, make) -> Path:
    with path.open("w") as file:
        for number in range(count):
            file.write(make(number))
    return path


def message(number: int, event: dict, topic: str = "orders") -> str:
    data = base64.b64encode(json.dumps(event).encode()).decode()
    return LINE.format(topic=topic, n=number, published=PUBLISHED, data=data)


def event(number: int, **changes) -> dict:
    return make_event("order.updated", eventId=f"00000000-0000-4000-8000-{number:012d}", **changes)


INPUTS = {
    "one-byte lines": lambda number: "x\n",
    "dead letters": lambda number: message(number, event(number, eventTime="yesterday")),
    "conflicts": lambda number: message(number, event(7, data={"orderId": f"O-{number}", "status": "PACKED"})),
    "late": lambda number: message(number, event(number, eventTime="2026-01-01T00:00:00Z")),
    "topics": lambda number: message(number, event(number), topic=f"topic-{number % 100_000}"),
}
FULL = {"one-byte lines": 2_000_000, "dead letters": 400_000}


PEAK = """
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM:"))
"""
"""The high-water mark of a process in MiB. `getrusage` has its parent's as well, from before the program was loaded."""

RUN = """
import sys
from pipelines.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = int(stop.code or 0)
print(peak(), file=sys.stderr)
sys.exit(code)
"""


def run_local(source: Path, output: Path) -> tuple[int, int, str]:
    """Run `local`; return its exit code, its peak memory in MiB and what it printed to stderr."""
    words = [sys.executable, "-c", PEAK + RUN, "local", "--input", str(source), "--output", str(output)]
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    return done.returncode, int(done.stderr.splitlines()[-1]), done.stderr


def received(output: Path) -> int:
    return json.loads((output / "summary.json").read_text())["received"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", INPUTS)
def test_a_run_over_a_large_hostile_input_stays_under_a_gibibyte(tmp_path, kind):
    count = FULL.get(kind, 1_000_000)
    source = write_lines(tmp_path / "orders.jsonl", count, INPUTS[kind])
    code, peak, err = run_local(source, tmp_path / "out")
    assert code in (0, 1), err
    assert received(tmp_path / "out") == count
    assert peak < 1024


def test_a_run_over_many_dead_letters_and_topics_stays_small(tmp_path):
    kinds = [INPUTS[kind] for kind in ("one-byte lines", "dead letters", "topics")]
    source = write_lines(tmp_path / "orders.jsonl", 30_000, lambda number: kinds[number % 3](number))
    code, peak, err = run_local(source, tmp_path / "out")
    assert code in (0, 1), err
    assert received(tmp_path / "out") == 30_000
    assert peak < 640


READ = """
import sys
from pipelines.inputs import open_inputs
from transforms.sources.read_files import read_range
base = peak()
with open_inputs([sys.argv[1]], "auto") as ranges:
    count = sum(1 for part in ranges for _ in read_range(part, 0))
print(count, peak() - base)
"""


def read_apart(path: Path) -> tuple[int, int]:
    """Read a file in a process of its own; return how many messages it holds and by how many MiB memory grew."""
    done = subprocess.run([sys.executable, "-c", PEAK + READ, str(path)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-300:]
    count, grown = map(int, done.stdout.split())
    return count, grown


def test_a_line_of_300_mib_is_one_message_and_is_not_held(tmp_path):
    path = tmp_path / "orders.jsonl"
    with path.open("wb") as file:
        for _ in range(300):
            file.write(b"x" * MIB)
        file.write(b"\n" + b"{}\n" * 1000)
    count, grown = read_apart(path)
    assert count == 1001
    assert grown < 100


def test_gzip_of_a_million_lines_is_read_as_a_stream(tmp_path):
    path = tmp_path / "orders.jsonl.gz"
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(b"".join([*(packer.compress(b"{}\n" * 100_000) for _ in range(10)), packer.flush()]))
    count, grown = read_apart(path)
    assert count == 1_000_000
    assert grown < 60


def test_avro_that_inflates_a_thousand_times_is_read_block_by_block(tmp_path):
    record = {"subscription_name": "s", "message_id": "1", "publish_time": 1, "attributes": {}, "data": b"x" * 8 * MIB}
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(MESSAGE_AVRO), [record] * 40, codec="deflate", sync_interval=1)
    path = tmp_path / "orders.avro"
    path.write_bytes(file.getvalue())
    assert path.stat().st_size < MIB
    count, grown = read_apart(path)
    assert count == 40
    assert grown < 150


def test_an_avro_block_that_inflates_beyond_the_limit_is_rejected_before_it_is_held(tmp_path):
    record = {
        "subscription_name": "s",
        "message_id": "1",
        "publish_time": 1,
        "attributes": {},
        "data": b"x" * 100 * MIB,
    }
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(MESSAGE_AVRO), [record], codec="deflate")
    path = tmp_path / "orders.avro"
    path.write_bytes(file.getvalue())
    code, peak, err = run_local(path, tmp_path / "out")
    assert code == 2
    assert "orders.avro: block 1 inflates to more than 64 MiB" in err
    assert peak < 500
    assert not (tmp_path / "out").exists()


def test_the_measure_itself_sees_memory():
    code = PEAK + "before = peak(); x = b'x' * (300 << 20); print(before, peak())"
    before, after = map(int, subprocess.check_output([sys.executable, "-c", code]).split())
    assert before < 100
    assert 300 <= after < 400
