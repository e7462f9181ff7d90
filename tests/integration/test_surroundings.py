"""Commands in unfriendly surroundings: proxies, encodings, closed pipes, full disks, missing folders, signals."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.paths import ROOT

NOTHING = "http://127.0.0.1:9"  # the discard port: nobody answers


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of an input and of a finished run over it."""
    folder = tmp_path_factory.mktemp("surroundings")
    assert run_command("simulate", "--output", folder / "in", "--events", 1500)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder


def shell(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in a folder, in which `ep` is our command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HERE": str(folder), **variables}
    line = f'ep() {{ "{sys.executable}" -m pipelines "$@"; }}; cd "$HERE"; {command}'
    return subprocess.run(
        ["bash", "-c", line], env=environment, capture_output=True, text=True, errors="replace", timeout=100
    )


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
def test_a_proxy_variable_does_not_touch_this_machine(made, name):
    done = shell(made, "ep query --output out --view order_current --limit 1 --format json", **{name: NOTHING})
    assert done.returncode == 0, done.stderr
    assert '"order_id"' in done.stdout


def test_a_run_writes_past_a_proxy(made, tmp_path):
    done = shell(made, f"ep local --input in --output {tmp_path}/out", http_proxy=NOTHING, https_proxy=NOTHING)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C locale"],
)
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_output_that_is_not_utf8_has_escapes(made, variables, form):
    line = f"ep query --output out --view customer_current --limit 0 --format {form}"
    plain, done = shell(made, line), shell(made, line, **variables)
    assert done.returncode == 0, done.stderr
    assert "España" in plain.stdout
    assert "Espa\\xf1a" in done.stdout
    assert len(done.stdout.splitlines()) == len(plain.stdout.splitlines())


def test_a_run_in_the_c_locale_reads_and_writes_what_another_does(made, tmp_path):
    done = shell(
        made, f"ep local --input in --output {tmp_path}/out", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
    )
    assert done.returncode == 0, done.stderr
    query = "ep query --output {} --view customer_current --limit 0 --format csv"
    assert shell(made, query.format(tmp_path / "out")).stdout == shell(made, query.format("out")).stdout


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("ep query --output out --view order_current --limit 0 --format csv | head -1; exit ${PIPESTATUS[0]}", 141, None),
        ("ep query --output out --view order_current --limit 0 | true; exit ${PIPESTATUS[0]}", 141, None),
        ("ep schema order.created | true; exit ${PIPESTATUS[0]}", 141, None),
        ("ep query --output out --view order_current --format csv > /dev/full", 1, "standard output: No space left on device"),
        ("ep plan > /dev/full", 1, "standard output: No space left on device"),
        ("ep query --output out --view order_current --limit 1 >&-", 0, None),
        ("ep query --output out --view order_current --limit 0 2>&- >/dev/null", 0, None),
        ("ep plan 0<&- >&- 2>&-", 0, None),
    ],
)  # fmt: skip
def test_an_output_that_cannot_be_written_is_one_line_and_an_exit_code(made, line, code, message):
    done = shell(made, line)
    assert done.returncode == code, done.stderr
    lines = [text for text in done.stderr.splitlines() if not text.startswith("the first ")]
    assert lines == ([f"event-pipelines {line.split()[1]}: {message}"] if message else [])


@pytest.mark.parametrize("kilobytes", [100, 300])
def test_a_file_that_cannot_grow_is_one_line_that_names_it(made, tmp_path, kilobytes):
    done = shell(made, f"ulimit -f {kilobytes}; ep local --input in --output {tmp_path}/out")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "File too large" in line
    assert "Traceback" not in line
    done = shell(made, f"ep local --input in --output {tmp_path}/out --overwrite")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "variables",
    [{"HOME": "/nonexistent"}, {"TMPDIR": "/nonexistent"}, {"HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null"}],
    ids=str,
)
def test_a_home_or_a_temporary_folder_that_is_missing_is_not_needed(made, tmp_path, variables):
    done = shell(made, f"ep local --input in --output {tmp_path}/out", **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", ["stream --orders orders-sub", "local --input in", "query --view order_current", "provision"]
)
def test_an_output_that_is_a_file_is_one_line(made, tmp_path, command):
    (tmp_path / "file").write_text("mine")
    prism = Path.home() / "go" / "bin" / "prism"
    done = shell(made, f"ep {command} --output {tmp_path}/file", PRISM=str(prism) if prism.exists() else sys.executable)
    assert done.returncode == 2, done.stderr
    assert f"--output {tmp_path}/file: " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "file").read_text() == "mine"


def processes_of(session: int) -> list[str]:
    """Return the command lines of the processes whose session or ancestor is a process that has ended."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if f"wt_marker={session}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.6, 3.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_in_the_first_seconds_is_one_line_and_leaves_no_process(made, tmp_path, seconds, number):
    marker = time.monotonic_ns()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "local", "--input", "in", "--output", str(tmp_path / "out"), "--direct_num_workers", "2"],
        cwd=made, env={**os.environ, "PYTHONPATH": str(ROOT), "wt_marker": str(marker)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)],
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    if str(ROOT / "pipelines") in err or process.returncode not in (-number, 1):  # else Python itself was not ready
        assert process.returncode in (128 + number, 0), err
        assert "Traceback" not in err
        assert "stopped" in err or process.returncode == 0
    limit = time.monotonic() + 10
    while processes_of(marker) and time.monotonic() < limit:
        time.sleep(0.1)
    assert processes_of(marker) == []


def test_a_run_whose_disk_is_full_ends_with_one_line(made, tmp_path):
    """A limit on the size of a file is a full disk for every file that grows to it: 300 KiB, less than a warehouse."""
    done = shell(made, f"ulimit -f 300; ep local --input in --output {tmp_path}/out")
    assert done.returncode == 1
    assert "disk is full" in done.stderr or "File too large" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "report.html").exists()


HOSTILE = "\x1b[2J\x9b31m\u202e"


def test_what_comes_from_data_is_escaped_on_a_terminal(tmp_path):
    folder = tmp_path / f"in{HOSTILE}"
    folder.mkdir()
    (folder / "orders.avro").write_bytes(b"no avro")
    event = f'{{"eventId": "00000000-0000-4000-8000-000000000001", "a{HOSTILE}": 1, "data": {{"b{HOSTILE}": [NaN]}}}}'
    (folder / "orders.jsonl").write_text(event + "\n")
    for words in (
        ("local", "--input", folder, "--output", tmp_path / "out"),
        ("validate", folder / "orders.avro"),
        ("validate", folder / "orders.jsonl"),
        ("validate", folder / "orders.jsonl", "--json"),
        ("query", "--output", folder, "--view", f"order{HOSTILE}"),
        ("forget", "--output", folder, "--customer", f"C{HOSTILE}"),
        ("redrive", "--output", folder, "--rules", folder / "orders.jsonl"),
    ):
        code, out, err = run_command(*words)
        assert code in (1, 2), (words, err)
        assert not set(out + err) & set(HOSTILE[0] + HOSTILE[4] + HOSTILE[-1]), (words, out, err)


def test_what_a_run_writes_is_private(made, tmp_path):
    before = os.umask(0o022)
    try:
        output = tmp_path / "new" / "out"
        code, _, err = run_command("local", "--input", made / "in", "--output", output)
        assert code == 0, err
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [output, *output.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}
    assert stat.S_IMODE(output.parent.stat().st_mode) == 0o755
