"""The flex-template launcher's part, on loopback: the parameter check of the service, its environment and arguments."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.paths import ROOT

OFFLINE = ROOT / "tests" / "support" / "offline"
STAND_IN = ROOT / "tests" / "support" / "stand_in_launcher.sh"
NOWHERE = "http://127.0.0.1:9"
PROJECT, REGION = "my-project", "europe-west1"
IMAGE = "europe-docker.pkg.dev/my-project/pipelines/event-pipelines:0.2.0"
ENVIRONMENT = {
    "tempLocation": "temp_location",
    "stagingLocation": "staging_location",
    "maxWorkers": "max_num_workers",
    "numWorkers": "num_workers",
    "machineType": "machine_type",
    "serviceAccountEmail": "service_account_email",
    "subnetwork": "subnetwork",
    "network": "network",
    "workerRegion": "worker_region",
    "workerZone": "worker_zone",
    "sdkContainerImage": "sdk_container_image",
    "kmsKeyName": "dataflow_kms_key",
    "diskSizeGb": "disk_size_gb",
    "autoscalingAlgorithm": "autoscaling_algorithm",
    "flexrsGoal": "flexrs_goal",
}


def parameter_errors(metadata: dict[str, Any], given: dict[str, str]) -> list[str]:
    """Return the errors of the service for parameters, before it starts a launcher."""
    known = {parameter["name"]: parameter for parameter in metadata["parameters"]}
    errors = [f"{name} is missing" for name, item in known.items() if not item.get("isOptional") and name not in given]
    for name, value in given.items():
        if name not in known:
            errors.append(f"{name} is unknown")
            continue
        patterns = known[name].get("regexes", [])
        errors += [
            f"{name}={value} does not match {pattern}" for pattern in patterns if not re.fullmatch(pattern, value)
        ]
        options = [item["value"] for item in known[name].get("enumOptions", [])]
        errors += [f"{name}={value} is none of {options}"] if options and value not in options else []
    return errors


def launcher_words(
    parameters: dict[str, str], environment: dict[str, Any], job_name: str, template_location: str | None = None
) -> list[str]:
    """Return the arguments that the launcher gives the template's program."""
    words = [f"--{name}={value}" for name, value in parameters.items()]
    words += ["--runner=DataflowRunner", f"--project={PROJECT}", f"--region={REGION}", f"--job_name={job_name}"]
    if template_location:
        words.append(f"--template_location={template_location}")
    for name, value in environment.items():
        if name == "ipConfiguration":
            words += ["--no_use_public_ips"] if value == "WORKER_IP_PRIVATE" else []
        elif name == "additionalExperiments":
            words += [f"--experiments={item}" for item in value]
        elif name == "additionalUserLabels":
            words.append(f"--labels={json.dumps(value)}")  # as the launcher writes them
        elif name == "streamingMode":
            words += ["--dataflow_service_options=streaming_mode_at_least_once"] if value.endswith("LEAST_ONCE") else []
        elif name == "enableStreamingEngine":
            words += ["--enable_streaming_engine"] if value else []
        else:
            words.append(f"--{ENVIRONMENT[name]}={value}")
    return words


def credentials(directory: Path, url: str) -> Path:
    """Write a service account's file whose tokens come from loopback; no Google credential is in it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "credentials.json"
    fields = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "none",
        "private_key": private.decode(),
        "client_email": f"nobody@{PROJECT}.example",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    path.write_text(json.dumps(fields))
    return path


@dataclass
class Storage:
    """The address of a loopback Cloud Storage."""

    url: str

    def make_bucket(self, name: str) -> None:
        self._ask(f"/storage/v1/b?project={PROJECT}", json.dumps({"name": name}).encode(), "application/json")

    def write(self, bucket: str, name: str, data: bytes) -> None:
        self._ask(f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", data, "application/octet-stream")

    def names(self, bucket: str) -> list[str]:
        return [item["name"] for item in json.loads(self._ask(f"/storage/v1/b/{bucket}/o")).get("items", [])]

    def read(self, bucket: str, name: str) -> bytes:
        return self._ask(f"/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media")

    def _ask(self, path: str, data: bytes | None = None, kind: str = "") -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": kind} if kind else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


@contextmanager
def storage(*buckets: str) -> Iterator[Storage]:
    """Run a Cloud Storage in memory with these buckets."""
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    try:
        made = Storage(f"http://127.0.0.1:{server._api._httpd.server_address[1]}")
        for bucket in buckets:
            made.make_bucket(bucket)
        yield made
    finally:
        server.stop()


Start = Callable[[list[str], dict[str, str]], subprocess.CompletedProcess[str]]
"""Starts the template's program with these arguments and this environment."""


def in_venv(python: Path, main: Path) -> Start:
    """Return how a program is started by a venv's python, with nothing of this process's environment."""

    def start(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        alone = {
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "HOME": os.environ.get("HOME", "/"),
            "FLEX_TEMPLATE_PYTHON_PY_FILE": str(main),
        }
        command = [str(STAND_IN), *words]
        return subprocess.run(
            command, env={**alone, **environment}, capture_output=True, text=True, timeout=120, cwd="/"
        )

    return start


def launch(
    start: Start, words: list[str], dataflow_url: str, storage_url: str, account: Path, bigquery_url: str = NOWHERE
) -> subprocess.CompletedProcess[str]:
    """Launch a template: the launcher's words, and where Google's services are."""
    environment = {
        "PYTHONPATH": str(OFFLINE),
        "STORAGE_EMULATOR_HOST": storage_url,
        "GOOGLE_APPLICATION_CREDENTIALS": str(account),
        "BIGQUERY_EMULATOR_HOST": bigquery_url,
    }
    return start([*words, f"--dataflow_endpoint={dataflow_url}/sandbox"], environment)
