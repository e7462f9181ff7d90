"""How the command line reports a failure: one line and an exit code, a traceback or JSON on request."""

import json

import pytest

from pipelines.cli.main import main
from pipelines.errors import RunFailed, UserError

SECRET = "anna@example.com"


@pytest.fixture
def fails(monkeypatch):
    """Let the command `plan` fail with an error."""

    def set_up(error: BaseException) -> None:
        def run(args: object) -> int:
            raise error

        monkeypatch.setattr("pipelines.cli.commands.plan.run", run)

    return set_up


CASES = {
    "user": (UserError("--rate x: is wrong"), 2, "--rate x: is wrong"),
    "run": (RunFailed("the run failed"), 1, "the run failed"),
    "disk": (OSError(28, "No space left on device", "/o/summary.json"), 1, "/o/summary.json: No space left on device"),
    "unexpected": (ValueError(SECRET), 1, "unexpected error: ValueError at "),
    "interrupt": (KeyboardInterrupt("rows are kept"), 130, "stopped. rows are kept"),
    "wrapped interrupt": (RuntimeError("KeyboardInterrupt in a step"), 130, "stopped."),
    "module": (ModuleNotFoundError("no", name="duckdb"), 1, "the module duckdb is not installed; `make` creates"),
}


@pytest.mark.parametrize("words", [["plan"], ["--verbose", "plan"], ["plan", "--verbose"]], ids=" ".join)
@pytest.mark.parametrize("case", CASES)
def test_every_failure_is_one_line_and_an_exit_code(fails, capsys, case, words):
    error, expected, line = CASES[case]
    fails(error)
    assert main(words) == expected
    err = capsys.readouterr().err
    assert err.strip().splitlines()[-1].startswith(f"event-pipelines plan: {line}")
    assert SECRET not in err
    verbose = "--verbose" in words and expected != 130
    assert ("Traceback" in err) == verbose
    assert (len(err.strip().splitlines()) > 1) == verbose


@pytest.mark.parametrize("words", [["--log_format", "json", "plan"], ["plan", "--log_format=json"]], ids=" ".join)
def test_a_failure_as_json_is_one_object(fails, capsys, words):
    fails(RunFailed("the run failed"))
    assert main(words) == 1
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {"severity": "ERROR", "command": "plan", "message": "the run failed", "exit_code": 1}


def test_notes_warnings_and_mistakes_are_json_objects_too(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plan", "--log_format", "json", "--rat", "1"])
    assert stop.value.code == 2
    entries = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [entry["severity"] for entry in entries] == ["ERROR", "INFO"]
    assert "--rat 1: there is no option --rat; did you mean --rate?" in entries[0]["message"]


def test_an_unknown_log_format_is_a_mistake(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plan", "--log_format", "xml"])
    assert stop.value.code == 2
    assert "--log_format: xml is unknown" in capsys.readouterr().err
