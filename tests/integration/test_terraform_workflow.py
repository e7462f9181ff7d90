"""The workflow that launches a template on a schedule: sound, and read by Google as it is meant."""

import json
import re

import pytest
import yaml
from google.cloud import dataflow_v1beta3 as dataflow

from tests.support.terraform import TERRAFORM, WORKFLOW
from tests.support.workflow import problems


def test_the_workflow_is_sound():
    assert problems(yaml.safe_load(WORKFLOW.read_text())) == []


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


def test_the_launch_request_of_the_workflow_is_valid_for_google():
    steps = {
        label: step for item in yaml.safe_load(WORKFLOW.read_text())["main"]["steps"] for label, step in item.items()
    }
    body = steps["launch"]["try"]["args"]["body"]
    body["launchParameter"]["parameters"] = {"period": "previous-day", "at": "2026-06-16T02:30:00Z"}
    body["launchParameter"]["environment"] = {
        "machineType": "n2-standard-2", "maxWorkers": 10, "tempLocation": "gs://t/temp", "stagingLocation": "gs://t/staging",
        "sdkContainerImage": "i", "ipConfiguration": "WORKER_IP_PRIVATE", "launcherMachineType": "n2-standard-2",
        "serviceAccountEmail": "w", "subnetwork": "s", "kmsKeyName": "k", "additionalUserLabels": {"application": "a"},
    }  # fmt: skip
    dataflow.LaunchFlexTemplateRequest.from_json(json.dumps(body), ignore_unknown_fields=False)


def test_the_workflow_reads_the_variables_that_terraform_sets():
    used = set(re.findall(r'sys\.get_env\("(\w+)"\)', WORKFLOW.read_text())) - {"GOOGLE_CLOUD_PROJECT_ID"}
    body = re.search(r"user_env_vars = \{(.*?)\n  \}\n", (TERRAFORM / "schedules.tf").read_text(), re.DOTALL)[1]
    assert used == set(re.findall(r"^    ([A-Z_]+) +=", body, re.MULTILINE))
