"""`compare` of a store and its own replay after runs whose inputs overlap."""

from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.replay_runs import replay
from tests.support.stores import ALL_TIME

PARTS = ((0.0, 0.6), (0.2, 0.8), (0.4, 1.0))


@pytest.fixture
def store(tmp_path) -> Path:
    """Run three appends over overlapping parts of a minute of messages, so that they share windows."""
    words = ("--events", 400, "--seed", 3, "--rate", 10)
    code, _, err = run_command("simulate", "--output", tmp_path / "in", *words)
    assert code == 0, err
    for number, (start, end) in enumerate(PARTS):
        part = tmp_path / f"part{number}"
        part.mkdir()
        for path in (tmp_path / "in").glob("*.jsonl"):
            if path.stem.startswith("truth"):
                continue
            lines = path.read_bytes().splitlines(keepends=True)
            (part / path.name).write_bytes(b"".join(lines[int(start * len(lines)) : int(end * len(lines))]))
        code, _, err = run_command("local", "--input", part, "--output", tmp_path / "out", "--append")
        assert code == 0, err
    return tmp_path / "out"


def test_keys_that_several_runs_wrote_are_explained_and_a_rebuild_computes_them(store):
    replay(store, "--mode", "shadow", "--into", "beside", *ALL_TIME)
    _, out, _ = run_command("compare", "--output", store, "--into", "beside")
    lines = {line.split(":")[0]: line for line in out.splitlines() if " rows, " in line}
    for name in ("event_counts", "ml/iot_features"):
        assert " rows, 0 differ; not counted: " in lines[name]
        assert "keys that several runs wrote" in lines[name]
    assert lines["event_counts_current"].endswith(" 0 differ")
    replay(store, "--mode", "rebuild", *ALL_TIME)
    code, out, _ = run_command("compare", "--output", store, "--into", "beside")
    assert (code, out.splitlines()[-1]) == (0, "no differences")
    assert "not counted" not in out
