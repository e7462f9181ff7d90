"""Each template is submitted for real, as its launcher does it, to a loopback Dataflow and Cloud Storage.

The program runs in a venv that holds only the image's packages; what it staged is loaded there again, piece by piece.
"""

import json
import subprocess
from pathlib import Path

import pytest

from pipelines.launching.catalog import TEMPLATES
from pipelines.launching.graphs import BUILDERS
from pipelines.launching.metadata import container_spec
from pipelines.local.client import bigquery_client
from pipelines.local.server import LoopbackBigQuery
from pipelines.provisioning.provision import provision
from pipelines.target import Endpoints, Target
from tests.support.dataflow_service import DataflowService, dataflow_service
from tests.support.image import ROOT, build_wheel, make_venv
from tests.support.launcher import (
    IMAGE,
    PROJECT,
    Storage,
    credentials,
    launch,
    launcher_words,
    parameter_errors,
    storage,
)
from tests.support.runs import run_command
from tests.support.templates import PARAMETERS

MAIN = ROOT / "templates" / "main.py"
ENVIRONMENT = {
    "tempLocation": "gs://temp/temp",
    "stagingLocation": "gs://temp/staging",
    "maxWorkers": 5,
    "machineType": "n2-standard-2",
    "serviceAccountEmail": "event-pipelines-worker@my-project.iam.gserviceaccount.com",
    "subnetwork": "regions/europe-west1/subnetworks/pipelines",
    "ipConfiguration": "WORKER_IP_PRIVATE",
    "kmsKeyName": "projects/my-project/locations/europe-west1/keyRings/r/cryptoKeys/k",
    "additionalUserLabels": {"application": "event-pipelines"},
}


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    return make_venv(folder / "venv", build_wheel(folder / "wheel"))


@pytest.fixture(scope="module")
def service():
    with dataflow_service() as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A lake with an archive, as a run of the main job leaves it."""
    folder = tmp_path_factory.mktemp("lake")
    assert run_command("simulate", "--output", folder / "in", "--events", 300)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    with storage("temp", "my-lake") as running:
        for path in (folder / "out" / "lake").rglob("*"):
            if path.is_file():
                running.write("my-lake", path.relative_to(folder / "out").as_posix(), path.read_bytes())
        yield running


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with LoopbackBigQuery(tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb", project=PROJECT) as server:
        provision(Endpoints(bigquery_client(server.rest_url, PROJECT)), Target(PROJECT))
        yield server


@pytest.fixture(scope="module")
def account(tmp_path_factory, service) -> Path:
    return credentials(tmp_path_factory.mktemp("account"), service.url)


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def submitted(request, python, service: DataflowService, store: Storage, account, warehouse):
    name = request.param
    spec = container_spec(TEMPLATES[name], IMAGE)
    assert parameter_errors(spec["metadata"], PARAMETERS[name]) == []
    environment = {**spec["defaultEnvironment"], **ENVIRONMENT}
    words = launcher_words(PARAMETERS[name], environment, f"{name}-1")
    done = launch(python, words, service.url, store.url, account, MAIN, warehouse.rest_url)
    assert done.returncode == 0, done.stderr[-3000:]
    job = next(body for body in service.sent("POST", "/jobs") if body["name"] == f"{name}-1")
    return name, job, done


def display(job) -> dict[str, object]:
    return {one["key"]: one.get("value") for one in job["environment"]["sdkPipelineOptions"]["display_data"]}


def test_the_job_request_says_what_was_asked_for(submitted):
    name, job, _ = submitted
    streaming = TEMPLATES[name].streaming
    environment = job["environment"]
    pool = environment["workerPools"][0]
    options = display(job)
    assert job["type"] in ((2, "JOB_TYPE_STREAMING") if streaming else (1, "JOB_TYPE_BATCH"))
    assert {one["containerImage"] for one in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 5
    assert pool["machineType"] == "n2-standard-2"
    assert pool["subnetwork"] == ENVIRONMENT["subnetwork"]
    assert pool["ipConfiguration"] in (2, "WORKER_IP_PRIVATE")
    assert environment["serviceAccountEmail"] == ENVIRONMENT["serviceAccountEmail"]
    assert environment["serviceKmsKeyName"] == ENVIRONMENT["kmsKeyName"]
    assert ("enable_streaming_engine" in environment["experiments"]) is streaming
    assert "use_runner_v2" in environment["experiments"]
    assert options["region"] == "europe-west1"
    assert options["save_main_session"] is False
    assert job["labels"] == {"application": "event-pipelines"}


def test_all_that_was_staged_loads_with_the_images_packages_alone(submitted, python, store: Storage, tmp_path):
    name, _, _ = submitted
    staged = [one for one in store.names("temp") if f"{name}-1." in one]
    assert [Path(one).name for one in staged] == ["pipeline.pb"], "no main session, no requirements, no sdist"
    (tmp_path / "pipeline.pb").write_bytes(store.read("temp", staged[0]))
    command = [str(python), str(ROOT / "tests" / "support" / "unpickle_graph.py"), str(tmp_path / "pipeline.pb")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", env={})
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["failed"]) == (0, [])
    assert answer["loaded"]["functions"] >= (15 if name != "redrive" else 1)
    assert answer["loaded"]["coders"] >= (5 if name != "redrive" else 1)


def test_the_launcher_does_not_wait(submitted, service):
    name, _, _ = submitted
    job = next(job for job in service.jobs.values() if job["name"] == f"{name}-1")
    polls = [path for method, path, _ in service.requests if method == "GET" and job["id"] in path]
    assert polls == [], "the job is still running on the service, and the launcher has ended"


def test_a_launcher_that_stages_the_job_makes_no_request(python, service, store, account):
    before = len(service.requests)
    environment = {**ENVIRONMENT, "sdkContainerImage": IMAGE}
    words = launcher_words(PARAMETERS["streaming"], environment, "staged-1", "gs://temp/launches/1/job_object")
    done = launch(python, words, service.url, store.url, account, MAIN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(service.requests) == before
    job = json.loads(store.read("temp", "launches/1/job_object"))
    assert job["name"] == "staged-1"
    assert job["environment"]["workerPools"][0]["workerHarnessContainerImage"] == IMAGE
