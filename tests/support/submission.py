"""Launch a template against local services; check its job request and its staged graph."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.dataflow.metadata import container_spec
from pipelines.dataflow.templates import TEMPLATES
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from tests.support.command import run_command
from tests.support.dataflow_service import DataflowService, dataflow_service
from tests.support.launcher import (
    IMAGE,
    PROJECT,
    REGION,
    ROOT,
    Start,
    Storage,
    credentials,
    launch,
    launcher_words,
    parameter_errors,
    storage,
)
from tests.support.templates import PARAMETERS

UNPICKLE = ROOT / "tests" / "support" / "unpickle_graph.py"
ENVIRONMENT = {
    "tempLocation": "gs://temp/temp",
    "stagingLocation": "gs://temp/staging",
    "maxWorkers": 5,
    "numWorkers": 2,
    "machineType": "n2-standard-2",
    "serviceAccountEmail": "event-pipelines-worker@my-project.iam.gserviceaccount.com",
    "subnetwork": "regions/europe-west1/subnetworks/pipelines",
    "ipConfiguration": "WORKER_IP_PRIVATE",
    "kmsKeyName": "projects/my-project/locations/europe-west1/keyRings/r/cryptoKeys/k",
    "additionalUserLabels": {"application": "event-pipelines"},
}
STAGED = {"pipeline.pb", "submission_environment_dependencies.txt"}
"""The graph, and Beam's list of the launcher's packages, which a worker only compares with its own."""
FUNCTIONS = {"streaming": 1, "replay": 1, "redrive": 1}
"""User functions of each graph, at least: a graph that was built empty would load, too."""


@dataclass
class Cloud:
    """The services on loopback."""

    dataflow: DataflowService
    storage: Storage
    bigquery: BigQueryEmulator
    account: Path

    def launch(self, start: Start, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Launch a template to these services."""
        return launch(
            start, words, self.dataflow.url, self.storage.url, self.account, bigquery_url=self.bigquery.rest_url
        )

    def submit(self, start: Start, name: str, job_name: str, **more: Any) -> dict[str, Any]:
        """Launch the template as the service would have it launched; return the job request that came of it."""
        spec = container_spec(TEMPLATES[name], IMAGE)
        assert parameter_errors(spec["metadata"], PARAMETERS[name]) == []
        environment = {**spec["defaultEnvironment"], **ENVIRONMENT, **more}
        done = self.launch(start, launcher_words(PARAMETERS[name], environment, job_name))
        assert done.returncode == 0, done.stderr[-3000:]
        return next(body for body in self.dataflow.sent("POST", "/jobs") if body["name"] == job_name)

    def staged(self, job_name: str) -> dict[str, bytes]:
        """Return the files that a launch staged, by name."""
        names = [name for name in self.storage.names("temp") if f"{job_name}." in name]
        return {Path(name).name: self.storage.read("temp", name) for name in names}

    def polls(self, job_name: str) -> list[str]:
        """Return the requests about a job after it was submitted."""
        job = next(job for job in self.dataflow.jobs.values() if job["name"] == job_name)
        return [path for method, path, _ in self.dataflow.requests if method == "GET" and job["id"] in path]


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    """Run the services; the lake holds an archive, as a run of the main job leaves it."""
    assert run_command("simulate", "--output", folder / "in", "--events", 300)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    with (
        dataflow_service() as service,
        storage("temp", "my-lake") as store,
        BigQueryEmulator(folder / "warehouse.duckdb", project=PROJECT) as server,
    ):
        for path in (folder / "out" / "lake").rglob("*"):
            if path.is_file():
                store.write("my-lake", path.relative_to(folder / "out").as_posix(), path.read_bytes())
        provision(Endpoints(bigquery_client(server.rest_url, PROJECT)), Target(PROJECT))
        yield Cloud(service, store, server, credentials(folder, service.url))


def check_request(name: str, job_name: str, job: dict[str, Any], cloud: Cloud) -> None:
    """Assert that a job request has the options of the launch."""
    streaming = TEMPLATES[name].streaming
    environment = job["environment"]
    pool = environment["workerPools"][0]
    options = display(job)
    (path,) = {path for method, path, body in cloud.dataflow.requests if method == "POST" and body is job}
    assert f"/projects/{PROJECT}/locations/{REGION}/jobs" in path
    assert job["name"] == job_name
    assert job["type"] in ((2, "JOB_TYPE_STREAMING") if streaming else (1, "JOB_TYPE_BATCH"))
    assert {item["containerImage"] for item in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert pool["workerHarnessContainerImage"] == IMAGE
    assert pool["autoscalingSettings"]["maxNumWorkers"] == ENVIRONMENT["maxWorkers"]
    assert pool["numWorkers"] == ENVIRONMENT["numWorkers"]
    assert pool["machineType"] == ENVIRONMENT["machineType"]
    assert pool["subnetwork"] == ENVIRONMENT["subnetwork"]
    assert pool["ipConfiguration"] in (2, "WORKER_IP_PRIVATE")
    assert environment["serviceAccountEmail"] == ENVIRONMENT["serviceAccountEmail"]
    assert environment["serviceKmsKeyName"] == ENVIRONMENT["kmsKeyName"]
    assert ("enable_streaming_engine" in environment["experiments"]) is streaming
    assert "use_runner_v2" in environment["experiments"]
    assert not [item for item in environment.get("serviceOptions", []) if "streaming_mode" in item]
    assert options["region"] == REGION
    assert options["save_main_session"] is False
    assert job["labels"] == ENVIRONMENT["additionalUserLabels"]


def check_loaded(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """Assert that every function, combine, coder and window of a staged graph was loaded."""
    assert done.stdout, done.stderr[-3000:]
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["failed"]) == (0, [])
    assert set(answer["artifacts"]) <= STAGED
    assert answer["loaded"]["functions"] >= FUNCTIONS[name]
    assert answer["loaded"]["coders"] >= (5 if name != "redrive" else 1)
    assert answer["loaded"]["windowing_strategies"] >= (2 if name == "streaming" else 1)


def display(job: dict[str, Any]) -> dict[str, object]:
    """Return the options that a job request shows."""
    return {item["key"]: item.get("value") for item in job["environment"]["sdkPipelineOptions"]["display_data"]}
