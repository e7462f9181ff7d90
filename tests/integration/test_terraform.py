"""Terraform's files: formatted, no dangling name, variables that refuse bad values, and what it renders read by Google.

No provider is to be had offline, so `validate` is not run. What needs no provider is run by Terraform itself:
variables, their validation, and the locals that turn the files of templates/ into resources.
"""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from google.cloud import dataflow_v1beta3 as dataflow
from google.cloud import monitoring_v3, scheduler_v1, workflows_v1
from google.pubsub_v1 import Subscription, Topic

from pipelines.launching.catalog import TEMPLATES
from pipelines.launching.metadata import container_spec, metadata
from tests.support.google_services import SUBSCRIPTION
from tests.support.tools import require
from tests.support.workflow import problems

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = ROOT / "templates" / "terraform"
WORKFLOW = ROOT / "templates" / "schedules" / "launch.yaml"
EXAMPLES = sorted((TERRAFORM / "examples").glob("*.tfvars"))
GOOD = {"project": "my-project", "region": "europe-west1"}


@cache
def text() -> str:
    return "\n".join(path.read_text() for path in sorted(TERRAFORM.glob("*.tf")))


@cache
def blocks() -> dict[str, dict[str, Any]]:
    """Return resources, variables, locals and outputs by the name that an expression gives them."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(TERRAFORM.glob("*.tf")):
        parsed = hcl2.loads(path.read_text())
        for one in parsed.get("resource", []):
            for kind, named in one.items():
                found |= {f"{bare(kind)}.{bare(name)}": body for name, body in named.items()}
        for key, prefix in (("variable", "var"), ("output", "output")):
            for one in parsed.get(key, []):
                found |= {f"{prefix}.{bare(name)}": body for name, body in one.items()}
        for one in parsed.get("locals", []):
            found |= {f"local.{bare(name)}": {"value": body} for name, body in one.items() if not name.startswith("__")}
    return found


def bare(name: str) -> str:
    return name.strip('"')


def test_every_reference_is_to_something_that_is_there():
    uses = set(re.findall(r"\b((?:var|local)\.\w+|google_\w+\.\w+)", re.sub(r"#.*", "", text())))
    assert len(uses) > 60
    assert sorted(uses - blocks().keys()) == []


def test_every_variable_and_local_is_used():
    body = re.sub(r"#.*", "", text())
    unused = [
        name
        for name in blocks()
        if name.startswith(("var.", "local.")) and not re.search(rf"\b{re.escape(name)}\b", body)
    ]
    assert unused == []


def test_every_variable_says_what_it_is_and_of_which_type():
    for name, body in blocks().items():
        if name.startswith("var."):
            assert body.get("description"), name
            assert body.get("type"), name


def test_it_is_formatted():
    program = require("terraform", "checks the form of Terraform's files")
    done = subprocess.run([program, "fmt", "-check", "-recursive", str(TERRAFORM)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    """A module of variables and locals alone, which needs no provider."""
    folder = tmp_path_factory.mktemp("terraform") / "templates"
    for name in ("bigquery", "monitoring"):
        shutil.copytree(ROOT / "templates" / name, folder / name)
    (folder / "terraform").mkdir()
    for name in ("variables.tf", "locals.tf"):
        shutil.copy(TERRAFORM / name, folder / "terraform")
    run(folder / "terraform", "init", "-backend=false", "-input=false")
    return folder / "terraform"


def run(module: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = require("terraform", "evaluates variables and locals")
    return subprocess.run([program, *words], cwd=module, input=stdin, capture_output=True, text=True, timeout=120)


def plan(module: Path, **values: Any) -> subprocess.CompletedProcess[str]:
    given = {**GOOD, **values}
    words = [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
    return run(module, "plan", "-no-color", "-input=false", *words)


def evaluate(module: Path, expression: str) -> Any:
    words = [f"-var={name}={value}" for name, value in GOOD.items()]
    done = run(module, "console", *words, stdin=f"jsonencode({expression})\n")
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_taken(module, example):
    done = run(module, "plan", "-no-color", "-input=false", f"-var-file={example}")
    assert done.returncode == 0, done.stderr


BAD = {
    "project": "My_Project", "region": "europe-west1-b", "prefix": "EP", "topics": ["orders", "payments"],
    "image_tag": "latest", "streaming_mode": "sometimes", "max_workers": 0, "subnetwork": "default",
    "archive_retention_days": 7, "event_store_expiry_days": -1, "window_seconds": 7, "notification_emails": ["nobody"],
    "thresholds": {"throughput_share": 1.5},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_refused_by_name(module, name):
    done = plan(module, **{name: BAD[name]})
    assert done.returncode == 1
    assert f'variable "{name}"' in done.stderr


def test_every_view_is_made_after_the_views_it_reads(module):
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


def parameters_in(body: str) -> set[str]:
    return set(re.findall(r"^\s+(\w+) += ", body, re.MULTILINE))


def test_the_streaming_job_gives_parameters_that_the_template_has():
    body = re.search(r"parameters = merge\((.*?)\n  \)", (TERRAFORM / "jobs.tf").read_text(), re.DOTALL)[1]
    known = {parameter["name"] for parameter in metadata(TEMPLATES["streaming"])["parameters"]}
    given = parameters_in(body)
    assert {"pipeline", "lake"} <= given
    assert given <= known


@pytest.mark.parametrize("template", sorted(set(TEMPLATES) - {"streaming"}))
def test_the_schedules_give_parameters_that_their_template_has(module, template):
    known = {parameter["name"] for parameter in metadata(TEMPLATES[template])["parameters"]}
    common = {"pipeline", "lake", "location", "pii_key_secret"}
    for name, schedule in evaluate(module, "local.schedules").items():
        if schedule["template"] == template:
            assert common | schedule["parameters"].keys() <= known, name


def test_the_subscription_is_one_that_the_doctor_passes():
    body = blocks()["google_pubsub_subscription.events"]
    assert body["ack_deadline_seconds"] == 60
    assert bare(body["message_retention_duration"]) == "604800s"
    assert not body.keys() & {
        "dead_letter_policy",
        "retry_policy",
        "enable_message_ordering",
        "enable_exactly_once_delivery",
    }
    Subscription.from_json(json.dumps({**SUBSCRIPTION, "name": "s", "topic": "t"}), ignore_unknown_fields=False)
    Topic.from_json('{"name": "t", "messageRetentionDuration": "604800s"}', ignore_unknown_fields=False)


def test_google_reads_the_scheduler_job():
    body = blocks()["google_cloud_scheduler_job.launch"]
    retry, target = body["retry_config"][0], body["http_target"][0]
    job = {
        "name": "projects/p/locations/l/jobs/j",
        "schedule": "30 2 * * *",
        "timeZone": bare(body["time_zone"]),
        "attemptDeadline": bare(body["attempt_deadline"]),
        "retryConfig": {
            "retryCount": retry["retry_count"],
            "minBackoffDuration": bare(retry["min_backoff_duration"]),
            "maxBackoffDuration": bare(retry["max_backoff_duration"]),
            "maxDoublings": retry["max_doublings"],
        },
        "httpTarget": {
            "uri": "https://workflowexecutions.googleapis.com/v1/x/executions",
            "httpMethod": bare(target["http_method"]),
            "headers": {"Content-Type": "application/json"},
            "oauthToken": {"serviceAccountEmail": "s"},
        },
    }
    scheduler_v1.Job.from_json(json.dumps(job), ignore_unknown_fields=False)


def test_the_workflow_is_sound():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert problems(workflow) == []
    body = {"name": "w", "sourceContents": WORKFLOW.read_text(), "userEnvVars": {"REGION": "r"}}
    workflows_v1.Workflow.from_json(json.dumps(body), ignore_unknown_fields=False)


BROKEN = {
    "a jump to nowhere": (("next: launch", "next: start"), "jumps to start"),
    "an unknown key": (("result: job", "results: job"), "unknown {'results'}"),
    "a name that is not assigned": (("stamp}", "date}"), "date is not assigned"),
    "a function that is none": (("sys.now()", "sys.today()"), "calls sys.today"),
    "a step that is never reached": (("next: too_long", "next: failed"), "too_long: is never reached"),
    "no expression": (("polls + 1}", "polls +}"), "is no expression"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_checker_sees_a_broken_workflow(name):
    (before, after), words = BROKEN[name]
    assert before in WORKFLOW.read_text()
    found = problems(yaml.safe_load(WORKFLOW.read_text().replace(before, after, 1)))
    assert any(words in problem for problem in found), found


def test_the_workflow_asks_for_a_launch_that_google_reads():
    steps = {
        label: step for one in yaml.safe_load(WORKFLOW.read_text())["main"]["steps"] for label, step in one.items()
    }
    body = steps["launch"]["try"]["args"]["body"]
    body["launchParameter"]["parameters"] = {"period": "previous-day", "at": "2026-06-16T02:30:00Z"}
    dataflow.LaunchFlexTemplateRequest.from_json(json.dumps(body), ignore_unknown_fields=False)


def test_the_workflow_reads_the_variables_that_terraform_sets():
    used = set(re.findall(r'sys\.get_env\("(\w+)"\)', WORKFLOW.read_text())) - {"GOOGLE_CLOUD_PROJECT_ID"}
    body = re.search(r"user_env_vars = \{(.*?)\n  \}\n", (TERRAFORM / "schedules.tf").read_text(), re.DOTALL)[1]
    assert used == set(re.findall(r"^    ([A-Z_]+) +=", body, re.MULTILINE))


ROLES = {"roles/owner", "roles/editor", "roles/storage.admin", "roles/bigquery.admin", "roles/pubsub.admin"}


def test_no_account_has_a_role_that_is_wider_than_its_work():
    assert not ROLES & set(re.findall(r'"(roles/[\w.]+)"', text()))
