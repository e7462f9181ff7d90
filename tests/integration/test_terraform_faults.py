"""What Terraform once got wrong: each rule here failed on an earlier version of templates/terraform."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import build_parser
from pipelines.dataflow.metadata import template_parser
from pipelines.dataflow.templates import TEMPLATES
from tests.integration.test_terraform_rendered import KEY, as_hcl, evaluate, without_resources
from tests.support.terraform import TERRAFORM, bare, bare_module, blocks, plan, text

ENCRYPTED = {"kms_key_name": KEY, "location": "europe-west1", "image_tag": "0.1.0"}
SHARED = "projects/host-project/regions/europe-west1/subnetworks/shared"


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    return bare_module(tmp_path_factory.mktemp("terraform") / "templates")


def test_datasets_have_one_kind_of_grant():
    """The IAM resources rewrite the access list, and so remove authorized views."""
    assert not re.findall(r"google_bigquery_dataset_iam_\w+", text())
    datasets = [body for name, body in blocks().items() if name.startswith("google_bigquery_dataset.")]
    assert datasets
    assert all("access" in str(body["lifecycle"][0]["ignore_changes"]) for body in datasets)


def test_roles_of_datasets_have_the_names_that_the_api_returns():
    """Another name of the same role is a difference in every plan."""
    roles = {
        bare(body["role"])
        for name, body in blocks().items()
        if name.startswith("google_bigquery_dataset_access") and "role" in body
    }
    assert roles == {"READER", "WRITER"}


def test_members_become_entries_of_the_access_list(module):
    given = {
        "readers": ["group:a@x.example", "domain:x.example", "principalSet://iam.example/pool/1"],
        "restricted_readers": ["serviceAccount:s@p.iam.gserviceaccount.com"],
    }
    given["readers"][2] = "principalSet:" + given["readers"][2].removeprefix("principalSet:")
    found = evaluate(module, "local.readers", **given)
    assert {(one["dataset"], one["kind"], one["name"]) for one in found.values()} == {
        ("analytics", "group_by_email", "a@x.example"),
        ("analytics", "domain", "x.example"),
        ("analytics", "iam_member", "principalSet://iam.example/pool/1"),
        ("event_store", "user_by_email", "s@p.iam.gserviceaccount.com"),
    }


def test_every_view_that_reads_another_dataset_is_authorized_there(module):
    found = {(one["name"], one["dataset"]) for one in evaluate(module, "local.authorized").values()}
    resources = evaluate(module, "local.resources")
    wanted = {
        (name, needed.split(".")[0])
        for kind in ("views", "functions")
        for name, body in resources[kind].items()
        for needed in body["needs"]
        if needed.split(".")[0] != name.split(".")[0]
    }
    assert found == wanted
    assert ("event_store.dead_letter_states", "analytics") in wanted


@pytest.mark.parametrize(
    "resource",
    [
        "google_bigquery_dataset.store",
        "google_bigquery_dataset.lake",
        "google_storage_bucket.lake",
        "google_storage_bucket.temp",
        "google_storage_bucket.templates",
        "google_pubsub_topic.events",
        "google_pubsub_topic.saga_alerts",
        "google_secret_manager_secret.pii_key",
        "google_artifact_registry_repository.images",
        "google_workflows_workflow.launch",
        "google_dataflow_flex_template_job.streaming",
    ],
)
def test_the_key_encrypts_whatever_holds_data(resource):
    assert "local.kms_key" in str(blocks()[resource])


def schedule_environment(module: Path, **values: Any) -> dict[str, Any]:
    body = blocks()["google_workflows_workflow.launch"]["user_env_vars"]
    hcl = as_hcl(body["ENVIRONMENT"]).removeprefix("jsonencode(").rstrip().removesuffix(")")
    found: dict[str, Any] = evaluate(module, without_resources(hcl), **values)
    return found


def test_the_key_encrypts_scheduled_jobs(module):
    assert schedule_environment(module, **ENCRYPTED)["kmsKeyName"] == KEY
    assert "kmsKeyName" not in schedule_environment(module, image_tag="0.1.0")


@pytest.mark.parametrize("agent", ["secretmanager", "workflows", "pubsub", "artifactregistry"])
def test_the_agents_of_google_exist_before_they_are_granted_the_key(agent):
    assert agent in str(blocks()["local.agents_on_request"]["value"])
    grant = blocks()["google_kms_crypto_key_iam_member.agent"]
    assert "google_project_service_identity.agent" in str(grant["depends_on"])
    assert agent in str(blocks()["local.agents"]["value"])


AGREED = {"window_seconds": 300, "allowed_lateness_seconds": 7200, "saga_timeout_minutes": 45, "pii_key_version": "7"}


def test_stream_and_schedules_have_the_same_parameters(module):
    stream = evaluate(module, "local.stream_parameters", **AGREED)
    for name, parameters in evaluate(module, "local.schedule_parameters", **AGREED).items():
        shared = {key: parameters.get(key) for key in evaluate(module, "local.job_parameters", **AGREED)}
        assert shared.items() <= stream.items(), name
    assert stream["window_seconds"] == "300"
    assert stream["pii_key_secret"].endswith("/versions/7")
    assert evaluate(module, "local.stream_parameters", dedup_horizon=7200)["dedup_horizon"] == "7200"


def test_schedules_run_on_the_machines_of_the_stream(module):
    found = schedule_environment(module, machine_type="n2-standard-8", max_workers=40, image_tag="0.1.0")
    assert (found["machineType"], found["maxWorkers"]) == ("n2-standard-8", 40)
    job = blocks()["google_dataflow_flex_template_job.streaming"]
    for name, field in (("temp_location", "tempLocation"), ("staging_location", "stagingLocation")):
        expression = str(job[name]).removeprefix("${").removesuffix("}")
        assert evaluate(module, expression) == found[field]


def test_the_version_of_the_pseudonymization_key_is_a_number(module):
    assert "versions/latest" not in text()
    done = plan(module, pii_key_version="latest")
    assert done.returncode == 1
    assert 'variable "pii_key_version"' in done.stderr


def test_alerts_reach_somebody_once_jobs_run(module):
    assert plan(module, image_tag="0.1.0", notification_emails=[]).returncode == 1
    channel = ["projects/my-project/notificationChannels/12"]
    assert plan(module, image_tag="0.1.0", notification_emails=[], notification_channels=channel).returncode == 0
    assert "var.notification_channels" in str(blocks()["local.channels"]["value"])
    assert str(blocks()["google_monitoring_alert_policy.alert"]["notification_channels"]) == "${local.channels}"


def test_a_subnetwork_of_a_shared_vpc_is_named_by_its_complete_url(module):
    alone = {"subnetwork": SHARED}
    assert plan(module, **alone).returncode == 0, "no network is needed beside it"
    assert evaluate(module, "local.given_subnetwork", **alone) == f"https://www.googleapis.com/compute/v1/{SHARED}"
    assert evaluate(module, "[local.shared_vpc, local.makes_network]", **alone) == [True, False]
    assert evaluate(module, "[local.shared_vpc, local.makes_network]") == [False, True]
    grant = blocks()["google_compute_subnetwork_iam_member.dataflow"]
    assert bare(grant["role"]) == "roles/compute.networkUser"
    done = plan(module, subnetwork=SHARED.replace("europe-west1", "us-east1"))
    assert done.returncode == 1
    assert "must be of var.region" in " ".join(done.stderr.split())


def test_a_plan_does_not_undo_a_change_of_autoscaling():
    lifecycle = blocks()["google_dataflow_flex_template_job.streaming"]["lifecycle"][0]
    assert "max_workers" in str(lifecycle["ignore_changes"])


def test_the_scheduler_may_only_start_executions():
    assert "roles/workflows.invoker" not in text().replace("as roles/workflows.invoker could", "")
    role = blocks()["google_project_iam_custom_role.start_workflow"]
    assert [bare(one) for one in role["permissions"]] == ["workflows.executions.create"]
    member = blocks()["google_project_iam_member.scheduler"]
    assert "google_project_iam_custom_role.start_workflow" in member["role"]
    assert "google_service_account.scheduler" in member["member"]


def test_reads_of_personal_data_by_others_than_the_workers_are_logged():
    body = blocks()["google_project_iam_audit_config.data_access"]["dynamic"][0]
    config = str(body)
    assert "DATA_READ" in config
    assert "google_service_account.worker.member" in config
    for service in ("secretmanager", "storage", "cloudkms"):
        assert service in str(blocks()["local.audited"]["value"])


@pytest.mark.parametrize(
    ("variable", "template", "option"),
    [
        ("window_seconds", "streaming", "window_seconds"),
        ("allowed_lateness_seconds", "streaming", "allowed_lateness_seconds"),
        ("dedup_horizon", "streaming", "dedup_horizon"),
        ("saga_timeout_minutes", "replay", "saga_timeout_minutes"),
    ],
)
def test_defaults_of_terraform_are_those_of_the_commands(variable, template, option):
    default = template_parser(TEMPLATES[template]).get_default(option)
    assert bare(str(blocks()[f"var.{variable}"]["default"])) == str(default)


@pytest.mark.parametrize("name", ["machine_type", "launcher_machine_type", "max_workers", "streaming_mode"])
def test_defaults_of_terraform_are_those_of_launch(name):
    words = ["launch", "streaming", "--project", "p", "--region", "r", "--spec", "gs://s"]
    args = build_parser("launch").parse_args(words)
    assert bare(str(blocks()[f"var.{name}"]["default"])) == str(getattr(args, name))


def test_jobs_name_their_image_by_digest_when_one_is_given(module):
    digest = "sha256:" + "a" * 64
    assert evaluate(module, "local.image", image_tag="0.1.0", image_digest=digest).endswith(
        f"/event-pipelines@{digest}"
    )
    assert evaluate(module, "local.image", image_tag="0.1.0").endswith("/event-pipelines:0.1.0")
    assert (TERRAFORM / "access.tf").exists()
