"""The OpenAPI document: exported, valid, linted, and every operation called as it permits and as it does not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from schemas.read_model.address import parse_address
from services.api.data.analytics import BigQueryQueries
from services.api.openapi import openapi_yaml
from tests.support.api_server import AUDIENCE, ISSUER, Issuer, running_api
from tests.support.command import run_command
from tests.support.paths import DATA, ROOT
from tests.support.postgres import cluster
from tests.support.tools import skip_or_fail

EXPORTED = ROOT / "templates" / "api" / "openapi.yaml"
RULES = ROOT / "templates" / "api" / "spectral.yaml"
SEED = 20260615


def test_the_exported_document_is_that_of_the_code():
    assert EXPORTED.read_text() == openapi_yaml(), "make reference writes it"


def test_the_document_is_valid_openapi_3_1():
    document = yaml.safe_load(EXPORTED.read_text())
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_spectral_finds_nothing():
    spectral = shutil.which("spectral")
    if spectral is None:
        skip_or_fail("spectral is not installed: npm install -g @stoplight/spectral-cli")
    done = subprocess.run(
        [spectral, "lint", "--fail-severity=hint", "--ruleset", str(RULES), str(EXPORTED)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Bus:
    """A publisher that confirms everything: the bus itself is in test_api_events.py."""

    async def publish(self, messages):
        return [str(number) for number, _ in enumerate(messages)]

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    with cluster() as server:
        url = server.url(server.new_database())
        assert run_command("simulate", "--output", folder / "in", "--events", "400", "--seed", "9")[0] == 0
        code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out", "--read_model", url)
        assert code == 0, err
        yield folder / "out", parse_address(url)


@pytest.mark.parametrize("examples", [
    pytest.param(25, id="short"), pytest.param(300, id="long", marks=pytest.mark.slow),
])  # fmt: skip
def test_schemathesis_finds_no_failure_with_all_checks_on(stores, monkeypatch, tmp_path, examples):
    """A token is sent; `ignored_auth` takes it away and expects 401."""
    output, address = stores
    monkeypatch.setattr("services.api.serve.PubSubPublisher", lambda topics: Bus())
    target, issuer = Target.local(output), Issuer()
    with open_stores(target) as endpoints, issuer.served() as jwks:
        queries = BigQueryQueries(client=endpoints.bigquery, project=target.project)
        with running_api(
            address, queries, jwks=jwks, issuer=ISSUER, audience=AUDIENCE, publish_project="p"
        ) as url:  # fmt: skip
            config = (DATA / "schemathesis.toml").read_text()
            (tmp_path / "schemathesis.toml").write_text(config)
            done = subprocess.run(
                [Path(sys.executable).parent / "schemathesis", "--config-file", tmp_path / "schemathesis.toml", "run",
                 EXPORTED, "--url", url, "--header", f"Authorization: Bearer {issuer.token(exp=4102444800)}",
                 "--checks", "all", "--max-examples", str(examples), "--seed", str(SEED), "--workers", "1", "--no-color",
                 "--phases", "examples,coverage,fuzzing,stateful", "--request-timeout", "30"],
                cwd=tmp_path, capture_output=True, text=True, timeout=1500,
            )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\b[1-9]\d* passed", done.stdout), done.stdout[-6000:]  # warnings are allowed, failures are not
