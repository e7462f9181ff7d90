"""What a live run tells Beam of its runner."""

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from pipelines.runners.prism import prism_environment, prism_flags

YEAR_SECONDS = 366 * 86_400


def test_a_run_outlives_the_deadline_of_a_call_to_the_job_server():
    """Beam watches a job through streams with this deadline; at its default, 300 s, every live run failed then."""
    options = PipelineOptions(prism_flags("127.0.0.1:1"), save_main_session=False)
    assert options.view_as(PortableOptions).job_server_timeout > YEAR_SECONDS


def test_prism_collects_early_unless_the_user_says_when(monkeypatch):
    monkeypatch.delenv("GOGC", raising=False)
    assert prism_environment()["GOGC"] == "25"
    monkeypatch.setenv("GOGC", "200")
    assert prism_environment()["GOGC"] == "200"
