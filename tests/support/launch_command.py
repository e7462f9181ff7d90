"""`launch` as the tests give it: its parameters, against a loopback Dataflow."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from pipelines.dataflow.metadata import container_spec
from pipelines.dataflow.templates import TEMPLATES
from tests.support.command import run_command
from tests.support.dataflow_service import DataflowService
from tests.support.launcher import IMAGE, PROJECT, REGION, Storage, storage
from tests.support.templates import PARAMETERS

GIVEN = {name: value for name, value in PARAMETERS["streaming"].items() if name != "pipeline"}
WORDS = [word for name, value in GIVEN.items() for word in (f"--{name}", value)]
JOB = "event-pipelines-streaming"


def launch(service: DataflowService, what: str, *words: str) -> tuple[int, str, str]:
    return run_command(
        "launch", what, "--project", PROJECT, "--region", REGION, "--dataflow_endpoint", service.url, *words
    )


def stream(service: DataflowService, *words: str, spec: str = "gs://specs/streaming.json") -> tuple[int, str, str]:
    return launch(service, "streaming", "--spec", spec, *WORDS, *words)


@contextmanager
def stored_specs() -> Iterator[Storage]:
    """Run a Cloud Storage that holds each template's spec, and a broken one."""
    with pytest.MonkeyPatch.context() as patch, storage("specs", "temp", "my-lake") as running:
        patch.setenv("STORAGE_EMULATOR_HOST", running.url)
        patch.setattr(google.auth, "default", lambda *args, **more: (AnonymousCredentials(), PROJECT))
        for name, template in TEMPLATES.items():
            running.write("specs", f"{name}.json", json.dumps(container_spec(template, IMAGE)).encode())
        running.write("specs", "broken.json", b'{"image": "x", "metadata": {"nonsense": 1}}')
        yield running
