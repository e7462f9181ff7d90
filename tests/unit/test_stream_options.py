"""What a user can tell `stream`, and what it says to a mistake."""

import pytest

from tests.support.runs import run_command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--output", "out"], "at least one subscription is needed", id="no-subscription"),
        pytest.param(["--orders", "s"], "--output DIR or --project P", id="no-target"),
        pytest.param(
            ["--orders", "s", "--output", "out", "--prism_location", "/nowhere/prism"],
            "--prism_location /nowhere/prism: no such file",
            id="prism-missing",
        ),
        pytest.param(["--orders", "s", "--output", "out", "--linger_ms", "0"], "--linger_ms", id="linger"),
        pytest.param(["--orders", "s", "--output", "out", "--max_messages", "-1"], "--max_messages", id="max-messages"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_made(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run_command("stream", *words)
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_help_names_defaults_and_units():
    code, out, _ = run_command("stream", "--help")
    assert code == 0
    for word in ("--dedup_horizon", "3600", "seconds", "--flush_mb", "MiB", "--stop_after_idle", "--linger_ms", "250"):
        assert word in out
