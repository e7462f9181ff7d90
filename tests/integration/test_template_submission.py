"""Each template is submitted for real, as its launcher does it, to a loopback Dataflow and Cloud Storage.

The program runs in a venv that holds only the image's packages; what it staged is loaded there again, piece by piece.
"""

import json
import subprocess
from pathlib import Path

import pytest

from pipelines.dataflow.graphs import BUILDERS
from tests.support.image import ROOT, build_wheel, make_venv
from tests.support.launcher import IMAGE, in_venv, launch, launcher_words
from tests.support.submission import ENVIRONMENT, STAGED, UNPICKLE, check_loaded, check_request, cloud
from tests.support.templates import PARAMETERS

MAIN = ROOT / "templates" / "main.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    return make_venv(folder / "venv", build_wheel(folder / "wheel"))


@pytest.fixture(scope="module")
def start(python):
    return in_venv(python, MAIN)


@pytest.fixture(scope="module")
def google(tmp_path_factory):
    with cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def submitted(request, start, google):
    name = request.param
    return name, f"{name}-1", google.submit(start, name, f"{name}-1")


def test_the_job_request_has_the_given_options(submitted, google):
    name, job_name, job = submitted
    check_request(name, job_name, job, google)


def test_all_that_was_staged_loads_with_the_images_packages_alone(submitted, python, google, tmp_path):
    name, job_name, _ = submitted
    staged = google.staged(job_name)
    assert set(staged) == STAGED, "no main session, no requirements, no sdist"
    (tmp_path / "pipeline.pb").write_bytes(staged["pipeline.pb"])
    command = [str(python), str(UNPICKLE), str(tmp_path / "pipeline.pb")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", env={})
    check_loaded(name, done)


def test_the_launcher_does_not_wait(submitted, google):
    _, job_name, _ = submitted
    assert google.polls(job_name) == [], "the job is still running on the service, and the launcher has ended"


def test_at_least_once_reaches_the_job(start, google):
    job = google.submit(start, "streaming", "cheap-1", streamingMode="STREAMING_MODE_AT_LEAST_ONCE")
    assert "streaming_mode_at_least_once" in job["environment"]["serviceOptions"]
    assert "enable_streaming_engine" in job["environment"]["experiments"]


def test_a_launcher_that_stages_the_job_makes_no_request(start, google):
    before = len(google.dataflow.requests)
    environment = {**ENVIRONMENT, "sdkContainerImage": IMAGE}
    words = launcher_words(PARAMETERS["streaming"], environment, "staged-1", "gs://temp/launches/1/job_object")
    done = google.launch(start, words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(google.dataflow.requests) == before
    job = json.loads(google.storage.read("temp", "launches/1/job_object"))
    assert job["name"] == "staged-1"
    assert job["environment"]["workerPools"][0]["workerHarnessContainerImage"] == IMAGE


def test_a_mistake_ends_the_launcher_with_one_line_and_no_request(start, google):
    before = len(google.dataflow.requests)
    words = launcher_words(
        {**PARAMETERS["streaming"], "windows": "60"}, {**ENVIRONMENT, "sdkContainerImage": IMAGE}, "no"
    )
    done = launch(start, words, google.dataflow.url, google.storage.url, google.account)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("event-pipelines template: --windows: ")
    assert "Traceback" not in done.stderr
    assert len(google.dataflow.requests) == before
