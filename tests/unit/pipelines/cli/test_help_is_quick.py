"""`--help` loads no Beam and no client of a service: their imports take seconds."""

import subprocess
import sys

import pytest

from pipelines.cli.main import COMMANDS
from tests.support.paths import ROOT

HEAVY = {
    "apache_beam", "google.cloud.bigquery", "google.auth", "google.protobuf", "grpc", "duckdb", "sqlglot", "pyarrow", "numpy", "pandas",
    "plotly", "rich",
}  # fmt: skip
LISTING = """
import sys
from pipelines.cli.main import main
sys.argv[0] = "event-pipelines"
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("modules", *sys.modules)
"""


def loaded_by(*words: str) -> set[str]:
    """Return the modules that a command line loads in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", LISTING, *words], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("command", ["local", "stream", "launch", "validate", "query"])
def test_help_of_a_command_loads_no_beam_and_no_client(command):
    assert loaded_by(command, "--help") & HEAVY == set()


def test_the_options_of_no_command_load_beam_or_a_client():
    parsers = f"from pipelines.cli.main import build_parser; build_parser({list(COMMANDS)!r})"
    listing = "import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{parsers}; {listing}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    assert set(done.stdout.split()) & HEAVY == set()


def test_a_mistake_in_an_option_is_reported_before_anything_is_loaded():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipelines", "local", "--inptu", "x"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no option --inptu; did you mean --input?" in done.stderr
    assert "apache_beam" not in done.stderr
