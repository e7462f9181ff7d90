"""`doctor` against loopback services: no problems, and each thing wrong in turn: the right line, its fix, exit 1."""

import pytest

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from tests.support.command import run_command
from tests.support.google_services import (
    IMAGE,
    KEY,
    PROJECT,
    REGION,
    SECRET,
    SUBNETWORK,
    WORKER,
    GoogleServices,
    google_services,
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with BigQueryEmulator(tmp_path_factory.mktemp("doctor") / "warehouse.duckdb", project=PROJECT) as server:
        provision(Endpoints(bigquery_client(server.rest_url, PROJECT)), Target(PROJECT))
        yield server


@pytest.fixture(scope="module")
def running(warehouse):
    with google_services(warehouse.rest_url) as services:
        yield services


@pytest.fixture
def services(running: GoogleServices) -> GoogleServices:
    running.reset()
    return running


def doctor(services: GoogleServices, *more: str) -> tuple[int, list[str], list[str]]:
    words = ["--project", PROJECT, "--region", REGION, "--image", IMAGE, "--endpoint", f"*={services.url}",
             "--pii_key_secret", SECRET, "--kms_key_name", KEY, "--subnetwork", SUBNETWORK]  # fmt: skip
    code, out, err = run_command("doctor", *words, *more)
    assert err == ""
    lines = out.splitlines()
    return code, [line for line in lines if line.startswith("WRONG")], lines


def test_a_correct_project_has_no_findings(services):
    code, wrong, lines = doctor(services)
    assert (code, wrong) == (0, [])
    assert lines[-1].endswith("no problems")
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert len(lines) > 45


def test_it_changes_nothing(services):
    doctor(services)
    assert services.changes == []


def bucket(services, kind):
    return services.find(f"/b/{PROJECT}-event-pipelines-{kind}")


def orders(services):
    return services.find("/subscriptions/event-pipelines-orders")


WRONG = {
    "no project": (lambda s: s.remove(f"v3/projects/{PROJECT}"), "project my-project: does not exist"),
    "a project being deleted": (
        lambda s: s.find(f"v3/projects/{PROJECT}").update(state="DELETE_REQUESTED"),
        "DELETE_REQUESTED",
    ),
    "an API that is off": (
        lambda s: s.find("services:batchGet")["services"].pop(0),
        "API artifactregistry.googleapis.com: is not enabled",
    ),
    "no such region": (lambda s: s.remove(f"regions/{REGION}"), "region europe-west1: is not a region"),
    "too little quota": (lambda s: s.find(f"regions/{REGION}")["quotas"][0].update(usage=95), "only 5 left"),
    "no way to Google's services": (
        lambda s: s.find("subnetworks/pipelines").update(privateIpGoogleAccess=False),
        "cannot reach Google's services",
    ),
    "no subnetwork": (lambda s: s.remove("subnetworks/pipelines"), "subnetwork regions/europe-west1"),
    "no bucket": (lambda s: s.remove("-event-pipelines-temp"), "event-pipelines-temp (temp): does not exist"),
    "a bucket far away": (lambda s: bucket(s, "lake").update(location="US-EAST1"), "is in US-EAST1"),
    "a bucket without uniform access": (
        lambda s: bucket(s, "lake")["iamConfiguration"]["uniformBucketLevelAccess"].update(enabled=False),
        "not uniform",
    ),
    "a bucket that may be opened": (
        lambda s: bucket(s, "lake")["iamConfiguration"].update(publicAccessPrevention="inherited"),
        "opened to the public",
    ),
    "a lake without versions": (lambda s: bucket(s, "lake").pop("versioning"), "keeps no old versions"),
    "temp files that are kept": (
        lambda s: bucket(s, "temp")["softDeletePolicy"].update(retentionDurationSeconds="604800"),
        "soft delete",
    ),
    "temp files for ever": (lambda s: bucket(s, "temp").pop("lifecycle"), "no lifecycle rule"),
    "no topic": (lambda s: s.remove("topics/orders-topic"), "topic orders-topic: does not exist"),
    "no topic of saga alerts": (
        lambda s: s.remove("topics/event-pipelines-saga-alerts"),
        "topic event-pipelines-saga-alerts: does not exist",
    ),
    "no subscription": (
        lambda s: s.remove("subscriptions/event-pipelines-orders"),
        "subscription event-pipelines-orders: does not exist",
    ),
    "a subscription of another topic": (lambda s: orders(s).update(topic="projects/x/topics/y"), "reads projects/x"),
    "a dead-letter policy": (
        lambda s: orders(s).update(deadLetterPolicy={"deadLetterTopic": "t"}),
        "dead-letter topic",
    ),
    "a retry policy": (lambda s: orders(s).update(retryPolicy={"minimumBackoff": "10s"}), "retry policy"),
    "ordering": (lambda s: orders(s).update(enableMessageOrdering=True), "message ordering"),
    "exactly-once delivery": (
        lambda s: orders(s).update(enableExactlyOnceDelivery=True),
        "exactly-once delivery: Dataflow",
    ),
    "a filter": (lambda s: orders(s).update(filter="attributes.x"), "has a filter"),
    "a push subscription": (
        lambda s: orders(s).update(pushConfig={"pushEndpoint": "https://x"}),
        "not a pull subscription",
    ),
    "retention under a week": (lambda s: orders(s).update(messageRetentionDuration="600s"), "less than 7 days"),
    "a short ack deadline": (lambda s: orders(s).update(ackDeadlineSeconds=10), "ack deadline under 60 s"),
    "a subscription that expires": (lambda s: orders(s).update(expirationPolicy={"ttl": "2678400s"}), "expires"),
    "no service account": (
        lambda s: s.remove(f"serviceAccounts/{WORKER}"),
        f"service account {WORKER}: does not exist",
    ),
    "a disabled service account": (lambda s: s.find(WORKER).update(disabled=True), "is disabled"),
    "a worker that may not be checked": (
        lambda s: s.rejected.add(":generateAccessToken"),
        "may not act as the service account",
    ),
    "a worker that cannot read messages": (
        lambda s: s.lacking.add("pubsub.subscriptions.consume"),
        "lacks pubsub.subscriptions.consume",
    ),
    "a worker that cannot write rows": (
        lambda s: s.lacking.add("bigquery.tables.updateData"),
        "lacks bigquery.tables.updateData",
    ),
    "a worker that cannot write files": (
        lambda s: s.lacking.add("storage.objects.create"),
        "lacks storage.objects.create",
    ),
    "a worker that cannot stage a replay": (
        lambda s: s.lacking.add("bigquery.datasets.create"),
        "lacks bigquery.datasets.create",
    ),
    "a worker that cannot pull the image": (
        lambda s: s.lacking.add("artifactregistry.repositories.downloadArtifacts"),
        "lacks artifactregistry.repositories.downloadArtifacts",
    ),
    "a worker that cannot publish saga alerts": (
        lambda s: s.lacking.add("pubsub.topics.publish"),
        "lacks pubsub.topics.publish",
    ),
    "a worker that cannot read the key": (
        lambda s: s.lacking.add("secretmanager.versions.access"),
        "lacks secretmanager.versions.access",
    ),
    "no key": (lambda s: s.remove("versions/1"), "this version does not exist"),
    "a disabled key": (lambda s: s.find("versions/1").update(state="DISABLED"), "is DISABLED"),
    "a disabled KMS key": (lambda s: s.find("cryptoKeys/k")["primary"].update(state="DESTROYED"), "is DESTROYED"),
    "no image": (lambda s: s.remove("tags/0.2.0"), "event-pipelines:0.2.0: does not exist"),
    "no container spec": (lambda s: s.remove("streaming.json"), "streaming.json: does not exist"),
    "a spec of another image": (lambda s: s.find("streaming.json").update(image="x/y:0"), "names the image x/y:0"),
    "a spec that Dataflow cannot read": (lambda s: s.find("streaming.json").update(nonsense=1), "cannot read it"),
    "a service that denies access": (lambda s: s.rejected.add("pubsub.googleapis.com/v1"), "permission denied"),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_fault_is_reported_with_its_fix(services, name):
    make, words = WRONG[name]
    make(services)
    code, wrong, lines = doctor(services)
    assert code == 1
    assert any(words in line for line in wrong), wrong
    assert lines[-1].endswith(f"{len(wrong)} failed")
    for place in (number for number, line in enumerate(lines) if line in wrong):
        assert lines[place + 1].strip().startswith("fix: "), lines[place]


def test_tables_that_differ_from_the_schemas_are_reported(services, warehouse):
    client = bigquery_client(warehouse.rest_url, PROJECT)
    client.query("ALTER TABLE event_store.events DROP COLUMN amount").result()
    client.delete_table(f"{PROJECT}.analytics.revenue_by_day")
    try:
        code, wrong, lines = doctor(services)
    finally:
        provision(Endpoints(client), Target(PROJECT))
    assert code == 1
    assert any("table event_store.events: differs" in line for line in wrong), wrong
    assert any("view analytics.revenue_by_day: does not exist" in line for line in wrong)
    assert f"         fix: python -m pipelines provision --project {PROJECT}" in lines


def test_an_endpoint_that_does_not_answer_ends_the_run_in_one_line(services):
    words = ["--project", PROJECT, "--region", REGION, "--endpoint", "*=http://127.0.0.1:9"]
    code, _, err = run_command("doctor", *words)
    assert code == 1
    assert "cannot be reached" in err
    assert len(err.splitlines()) == 1
