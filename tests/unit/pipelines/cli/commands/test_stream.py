"""The options of `stream`, and the messages for mistakes."""

import pytest

from tests.support.command import run_command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--output", "out"], "at least one subscription is needed", id="no-subscription"),
        pytest.param(["--orders", "sub"], "--output DIR or --project P", id="no-target"),
        pytest.param(
            ["--orders", "sub", "--output", "out", "--prism_location", "/nowhere/prism"],
            "--prism_location /nowhere/prism: no such file",
            id="prism-missing",
        ),
        pytest.param(["--orders", "sub", "--output", "out", "--linger_ms", "0"], "--linger_ms", id="linger"),
        pytest.param(
            ["--orders", "sub", "--output", "out", "--max_messages", "-1"], "--max_messages", id="max-messages"
        ),
        pytest.param(["--orders", "sub", "--output", "out", "--max_in_flight", "0"], "--max_in_flight", id="in-flight"),
        pytest.param(["--orders", "sub", "--output", "out", "--max_in_flight_mb", "0"], "--max_in_flight_mb", id="mib"),
        pytest.param(["--orders", "sub", "--output", "out", "--dedup_horizon", "1"], "--dedup_horizon", id="horizon"),
        pytest.param(["--orders", "a/b", "--output", "out"], "--orders a/b: is not a subscription's name", id="path"),
        pytest.param(["--orders", "s s", "--output", "out"], "--orders s s: is not a subscription's name", id="name"),
        pytest.param(
            ["--orders", "sub", "--output", "out", "--bigquery_method", "FILE_LOADS"],
            "--bigquery_method FILE_LOADS: is for batch runs",
            id="file-loads",
        ),
    ],
)
def test_a_mistake_is_named_and_nothing_is_created(words, said, tmp_path, monkeypatch):
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


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with the given programs and nothing else."""

    def make(programs: tuple[str, ...] = (), jar: bool = False, prism: bool = False):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in programs:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("GOPATH", str(tmp_path / "go"))
        for name, wanted in (("PUBSUB_EMULATOR_JAR", jar), ("PRISM", prism)):
            place = tmp_path / name.lower()
            if wanted:
                place.touch()
            monkeypatch.setenv(name, str(place))

    return make


@pytest.mark.parametrize(
    ("here", "said"),
    [
        pytest.param({}, "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v", id="prism"),
        pytest.param({"prism": True}, "java is not on the PATH; the Pub/Sub emulator needs java", id="java"),
        pytest.param(
            {"prism": True, "programs": ("java",)},
            "the emulator's jar is not found; the Pub/Sub emulator needs",
            id="jar",
        ),
    ],
)
def test_missing_tools_of_the_demo_are_one_message_with_the_way_to_install_them(here, said, machine, tmp_path):
    machine(**here)
    code, _, err = run_command("stream-demo", "--output", tmp_path / "demo")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) <= 2
    assert not (tmp_path / "demo").exists()
