"""Prism: its program, its environment, and the options of pipelines that run on it."""

from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from pipelines.errors import RunFailed, UserError
from pipelines.runners.prism import Prism, find_prism, need_prism, prism_environment, prism_flags

YEAR_SECONDS = 366 * 86_400


def test_a_run_outlives_the_deadline_of_a_call_to_the_job_server():
    """Beam watches a job through streams with this deadline; at its default, 300 s, every live run failed then."""
    options = PipelineOptions(prism_flags("127.0.0.1:1"), save_main_session=False)
    assert options.view_as(PortableOptions).job_server_timeout > YEAR_SECONDS


def test_prism_collects_early_unless_the_user_sets_gogc(monkeypatch):
    monkeypatch.delenv("GOGC", raising=False)
    assert prism_environment()["GOGC"] == "25"
    monkeypatch.setenv("GOGC", "200")
    assert prism_environment()["GOGC"] == "200"


@pytest.mark.parametrize("name", ["/etc/passwd", "/dev/null"])
def test_a_file_that_is_not_a_program_is_a_mistake_that_names_it(tmp_path, name):
    with pytest.raises(UserError, match=f"^{name}: is not a program that can be executed as Prism; go install "):
        Prism(Path(name), tmp_path / "log")


def test_another_program_is_reported_as_soon_as_it_ends(tmp_path):
    with pytest.raises(RunFailed, match=r"^Prism ended with 1 at its start; see "):
        Prism(Path("/bin/false"), tmp_path / "log")


def test_a_prism_variable_that_names_no_file_is_named_in_the_error(monkeypatch):
    monkeypatch.setenv("PRISM", "/nonexistent/prism")
    with pytest.raises(UserError, match=r"^PRISM=/nonexistent/prism: no such file; go install "):
        need_prism()


def test_without_any_home_prism_is_looked_for_elsewhere(monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    for name in ("PRISM", "GOPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_prism() is None
