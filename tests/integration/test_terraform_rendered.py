"""What Terraform renders, read by Google's protos: policies, topics, schedules, parameters of templates."""

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from google.cloud import monitoring_v3, scheduler_v1, workflows_v1
from google.pubsub_v1 import Subscription, Topic

from pipelines.cli.main import build_parser
from pipelines.dataflow.metadata import container_spec, metadata
from pipelines.dataflow.templates import TEMPLATES
from pipelines.doctor.project import SERVICES
from tests.support.google_services import SUBSCRIPTION
from tests.support.terraform import GOOD, ROOT, TERRAFORM, WORKFLOW, bare, bare_module, blocks, plan, run, text


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    return bare_module(tmp_path_factory.mktemp("terraform") / "templates")


def evaluate(module: Path, expression: str, **values: Any) -> Any:
    """Return what an expression of locals and variables is, as Terraform says."""
    given = {**GOOD, **values}
    words = [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
    asked = module / "asked.tf"
    asked.write_text(f"locals {{\n  asked = {expression}\n}}\n")
    done = run(module, "console", *words, stdin="base64encode(jsonencode(local.asked))\n")
    asked.unlink()
    assert done.returncode == 0, done.stderr
    return json.loads(b64decode(done.stdout.strip().splitlines()[-1].strip('"')))


KEY = "projects/my-project/locations/europe-west1/keyRings/r/cryptoKeys/k"


def test_a_key_encrypts_where_it_is(module):
    assert plan(module, kms_key_name=KEY, location="europe-west1").returncode == 0
    done = plan(module, kms_key_name=KEY, location="EU")
    assert done.returncode == 1
    assert "a key encrypts where it is" in " ".join(done.stderr.split())


def test_the_services_are_those_that_the_doctor_checks(module):
    assert set(evaluate(module, "local.services")) == set(SERVICES)
    more = {"kms_key_name": KEY, "location": "europe-west1", "budget": {"billing_account": "012345-6789AB-CDEF01"}}
    assert set(evaluate(module, "local.services", **more)) == {*SERVICES, "cloudkms", "billingbudgets"}


def test_missed_schedules_are_alerts_where_schedules_are_on(module):
    missed = {"schedule-missed", "redrive-missed"}
    names = "keys(local.policies)"
    assert missed <= set(evaluate(module, names, image_tag="0.1.0"))
    assert not missed & set(evaluate(module, names))
    assert not missed & set(evaluate(module, names, image_tag="0.1.0", schedules={"enabled": False}))


@pytest.mark.parametrize("name", ["rejected_rows", "unpublished_alerts"])
def test_a_metric_of_the_logs_grows_and_the_dashboard_shows_it(module, name):
    body = blocks()[f"google_logging_metric.{name}"]
    assert bare(body["metric_descriptor"][0]["metric_kind"]) == "DELTA"
    made = bare(body["name"]).replace("${var.prefix}/", "user_event_pipelines_")
    assert f"logging_googleapis_com:{made}[" in evaluate(module, "local.dashboard")


WORDS_OF_TERRAFORM = {"count", "deletion_protection", "depends_on", "for_each", "lifecycle", "provider", "region"}
EACH = {"each.key": '"backfill"', "each.value.cron": '"30 2 * * *"', "each.value.description": '"words"',
        "each.value.template": '"replay"'}  # fmt: skip


def rendered(module: Path, resource: str, key: str = "backfill") -> dict[str, Any]:
    """Return a resource as Google's API has it: names in its case, every expression evaluated by Terraform."""
    body = {name: value for name, value in blocks()[resource].items() if name not in WORDS_OF_TERRAFORM}
    expression = without_resources(as_hcl(body), key)
    found: dict[str, Any] = in_googles_case(evaluate(module, expression, image_tag="0.1.0"))
    return found


def as_hcl(value: Any) -> str:
    """Return a parsed body as one expression; a block is an object."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return as_hcl(value[0])
    if isinstance(value, list):
        return "[" + ", ".join(map(as_hcl, value)) + "]"
    if isinstance(value, dict):
        return "{" + "".join(f"{n} = {as_hcl(item)}\n" for n, item in value.items() if not n.startswith("__")) + "}"
    if not isinstance(value, str):
        return json.dumps(value)
    return value[2:-1] if value.startswith("${") and value.endswith("}") else value


def in_googles_case(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda match: match[1].upper(), name): in_googles_case(item) for name, item in value.items()
    }


def without_resources(expression: str, key: str = "backfill") -> str:
    """Return an expression with what only a provider knows, and what a loop gives, put in as text."""
    text = expression.replace("local.subnetwork", '"regions/europe-west1/subnetworks/s"')
    for name, given in (EACH | {"each.key": f'"{key}"'}).items():
        text = text.replace(f"${{{name}}}", given.strip('"')).replace(name, given)
    made = r"google_\w+\.\w+(\[[^\]]*\])?\.\w+"
    text = re.sub(r"\$\{" + made + r"\}", "projects/my-project/things/made", text)
    return re.sub(made, '"projects/my-project/things/made"', text)


def test_every_view_is_created_after_the_views_it_reads(module):
    levels = evaluate(module, "[keys(local.views_1), keys(local.views_2), keys(local.views_3)]")
    views = json.loads((ROOT / "templates" / "bigquery" / "resources.json").read_text())["views"]
    assert sorted(name for level in levels for name in level) == sorted(views)
    for place, level in enumerate(levels):
        earlier = {name for before in levels[:place] for name in before}
        for name in level:
            assert set(views[name]["needs"]) & views.keys() <= earlier, name


def test_google_reads_the_policies_that_terraform_renders(module):
    policies = evaluate(module, "local.policies")
    assert policies
    for name, policy in policies.items():
        read = monitoring_v3.AlertPolicy.from_json(json.dumps(policy), ignore_unknown_fields=False)
        assert "$" not in read.conditions[0].condition_prometheus_query_language.query, name


def test_thresholds_reach_the_rules(module):
    query = evaluate(module, 'local.policies["lag"].conditions[0].conditionPrometheusQueryLanguage.query')
    assert query.strip().endswith("> 30")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_spec_that_terraform_writes_is_that_of_template_spec(name):
    written = re.search(r"content = jsonencode\((\{.*?\n  \})\)", text(), re.DOTALL)[1]
    spec = container_spec(TEMPLATES[name], "IMAGE")
    keys = set(re.findall(r"^    (\w+) +=", written, re.MULTILINE))
    assert keys == spec.keys()
    assert set(re.findall(r"^      (\w+) +=", written, re.MULTILINE)) == spec["defaultEnvironment"].keys()
    assert 'enableStreamingEngine = each.key == "streaming"' in written


def test_the_streaming_job_and_its_command_give_parameters_that_the_template_has(module):
    body = re.search(r"streaming_parameters = (merge\(.*?\n  \))", (TERRAFORM / "jobs.tf").read_text(), re.DOTALL)[1]
    given = evaluate(module, without_resources(body))
    known = {parameter["name"] for parameter in metadata(TEMPLATES["streaming"])["parameters"]}
    assert {"lake", "orders", "iot_events", "pii_key_secret", "saga_alerts_topic"} <= given.keys()
    assert given.keys() <= known


@pytest.mark.parametrize("template", sorted(set(TEMPLATES) - {"streaming"}))
def test_the_schedules_give_parameters_that_their_template_has(module, template):
    known = {parameter["name"] for parameter in metadata(TEMPLATES[template])["parameters"]}
    common = {"pipeline", "lake", "location", "pii_key_secret", "window_seconds"}
    for name, parameters in evaluate(module, "local.schedule_parameters").items():
        if parameters["pipeline"] == template:
            assert common <= parameters.keys() <= known, name


def test_google_reads_the_topics_and_the_subscription_which_the_doctor_passes(module):
    topic = rendered(module, "google_pubsub_topic.events", "orders")
    assert Topic.from_json(json.dumps(topic), ignore_unknown_fields=False).name == "orders-topic"
    alerts = rendered(module, "google_pubsub_topic.saga_alerts")
    assert Topic.from_json(json.dumps(alerts), ignore_unknown_fields=False).schema_settings.schema
    body = rendered(module, "google_pubsub_subscription.events", "orders")
    assert body["expirationPolicy"].pop("ttl") == "", "Terraform's word for never, which is an empty policy"
    assert not body.keys() & {
        "deadLetterPolicy", "retryPolicy", "enableMessageOrdering", "enableExactlyOnceDelivery", "filter",
    }  # fmt: skip
    read = Subscription.from_json(json.dumps(body), ignore_unknown_fields=False)
    assert (read.name, read.ack_deadline_seconds) == ("event-pipelines-orders", 60)
    assert read.message_retention_duration.days == 7
    assert body.items() >= {name: value for name, value in SUBSCRIPTION.items() if name != "state"}.items()


def test_google_reads_the_scheduler_job(module):
    body = rendered(module, "google_cloud_scheduler_job.launch")
    assert body.pop("paused") is False  # a state to Google
    read = scheduler_v1.Job.from_json(json.dumps(body), ignore_unknown_fields=False)
    assert read.retry_config.retry_count == 3
    assert read.http_target.uri.startswith("https://workflowexecutions.googleapis.com/v1/")
    assert json.loads(read.http_target.body) == {"argument": "{}"}


def test_googles_parser_reads_the_workflow_of_terraform(module):
    body = rendered(module, "google_workflows_workflow.launch")
    read = workflows_v1.Workflow.from_json(json.dumps(body), ignore_unknown_fields=False)
    assert read.source_contents == WORKFLOW.read_text()
    assert json.loads(read.user_env_vars["PARAMETERS"])["pipeline"] == "replay"


@pytest.mark.parametrize("values", [{}, {"kms_key_name": KEY, "location": "europe-west1", "image_tag": "0.1.0"}])
@pytest.mark.parametrize(("name", "more"), [("doctor", ()), ("launch", ("--dry_run",))], ids=["doctor", "launch"])
def test_the_commands_that_terraform_prints_are_accepted(module, name, more, values):
    text = as_hcl(blocks()[f"output.{name}"]["value"])
    text = text.replace("local.streaming_parameters", '{orders = "orders-sub", lake = "gs://my-lake"}')
    words = evaluate(module, without_resources(text), **values).split()
    assert words[:4] == ["python", "-m", "pipelines", name]
    build_parser(name).parse_args([*words[3:], *more])
