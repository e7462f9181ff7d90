"""Alert policies and dashboard: read strictly by Google's protos, unit-tested by promtool, each with its runbook."""

import json
import re
import shlex
import subprocess

import pytest
import yaml
from google.cloud import monitoring_dashboard_v1
from google.protobuf.json_format import ParseError

from pipelines.cli.main import build_parser
from schemas.message import TOPICS
from tests.support.monitoring import NAMES, POLICIES, ROOT, RUNBOOKS, VALUES, dashboard, policy, read_strictly, rules
from tests.support.tools import require
from transforms.metrics import COUNTER_NAMES

CASES = ROOT / "tests" / "data" / "alert_rules.yaml"
DAYS = ROOT / "tests" / "data" / "alert_rules_schedule.yaml"
EXAMPLES = {"CODE": "FIELD_RANGE", "EVENT_TYPE": "order.created"}
THRESHOLDS = {
    "lag_seconds": "Lag", "dead_letters": "DeadLetters", "backlog_seconds": "BacklogAge", "sink_retries": "SinkRetries",
    "sagas_stuck": "SagaStuck", "throughput_share": "Throughput", "api_latency_seconds": "ApiLatency",
    "api_error_share": "ApiErrors",
}  # fmt: skip


def promtool(folder, made, cases: str) -> subprocess.CompletedProcess[str]:
    (folder / "rules.yml").write_text(yaml.safe_dump(made, sort_keys=False, width=10_000))
    (folder / "tests.yml").write_text(cases)
    program = require("promtool", "unit-tests the alert rules; apt-get install prometheus")
    return subprocess.run(
        [program, "test", "rules", "tests.yml"], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("cases", [CASES, DAYS], ids=lambda path: path.stem)
def test_every_alert_fires_at_its_threshold_and_resolves_below_it(tmp_path, cases):
    done = promtool(tmp_path, rules(), cases.read_text())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("factor", [0.9, 1.1], ids=["lower", "higher"])
def test_the_tests_see_a_threshold_that_moved(tmp_path, monkeypatch, name, factor):
    monkeypatch.setitem(VALUES, name, f"{float(VALUES[name]) * factor:g}")
    done = promtool(tmp_path, *only(THRESHOLDS[name]))
    assert done.returncode == 1
    assert f"alertname: {THRESHOLDS[name]}" in done.stdout + done.stderr


def only(alert: str):
    """Return the rule of one alert, and the cases that are about it: promtool is quick with them."""
    made, cases = rules(), yaml.safe_load(CASES.read_text())
    made["groups"][0]["rules"] = [rule for rule in made["groups"][0]["rules"] if rule["alert"] == alert]
    for test in cases["tests"]:
        test["alert_rule_test"] = [case for case in test["alert_rule_test"] if case["alertname"] == alert]
    cases["tests"] = [test for test in cases["tests"] if test["alert_rule_test"]]
    return made, yaml.safe_dump(cases)


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent():
    tests = [test for path in (CASES, DAYS) for test in yaml.safe_load(path.read_text())["tests"]]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    alerts = {rule["alert"] for rule in rules()["groups"][0]["rules"]}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_acts_as_the_runbook_documents(name):
    tests = [test for path in (CASES, DAYS) for test in yaml.safe_load(path.read_text())["tests"]]
    nothing = [case for test in tests if not test["input_series"] for case in test["alert_rule_test"]]
    said = (RUNBOOKS / f"{name}.md").read_text().split("## When data is missing")[1]
    for condition in policy(name)["conditions"]:
        alert = condition["conditionPrometheusQueryLanguage"]["alertRule"]
        fires = {bool(case["exp_alerts"]) for case in nothing if case["alertname"] == alert}
        assert fires == {"this alert" in said and "silent" not in said and "does not fire" not in said}, alert


@pytest.mark.parametrize("name", NAMES)
def test_google_reads_every_field_of_a_policy(name):
    read = read_strictly(policy(name))
    assert read.conditions[0].condition_prometheus_query_language.query
    assert read.documentation.content
    assert read.severity


def test_an_unknown_field_of_a_policy_is_an_error():
    with pytest.raises(ParseError, match="threshold"):
        read_strictly({**policy("lag"), "threshold": 30})


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_has_a_runbook_with_actions(name):
    text, found = (RUNBOOKS / f"{name}.md").read_text(), policy(name)
    assert text.splitlines()[0] == f"# {found['conditions'][0]['displayName']}"
    for section in ("## What fires it", "## What to do", "## When data is missing"):
        assert section in text
    assert f"runbooks/{name}.md" in found["documentation"]["content"]
    assert found["documentation"]["links"][0]["url"].endswith(f"/{name}.md")
    for link in re.findall(r"\]\(([\w-]+\.md)\)", text):
        assert (RUNBOOKS / link).exists(), link


def test_the_commands_of_runbooks_and_deploy_page_are_accepted():
    pages = [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "deploy.md"]
    commands = {words for path in pages for words in re.findall(r"`python -m pipelines ([^`]+)`", path.read_text())}
    assert len(commands) > 10
    for command in commands:
        words = shlex.split(command.removesuffix(" …").replace("\\|", "|"))
        build_parser(words[0]).parse_args([EXAMPLES.get(word, word) for word in words])


def test_every_runbook_has_its_policy():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"redrive"} == set(NAMES)


def test_google_reads_every_field_of_the_dashboard():
    read = monitoring_dashboard_v1.Dashboard.from_json(json.dumps(dashboard()), ignore_unknown_fields=False)
    assert len(read.mosaic_layout.tiles) == 11
    with pytest.raises(ParseError):
        monitoring_dashboard_v1.Dashboard.from_json('{"tiles": []}', ignore_unknown_fields=False)


def test_the_monitored_counters_exist():
    names = (*COUNTER_NAMES, "sink_retries", "sink_rejected", "sink_exhausted")
    text = "".join(path.read_text() for path in POLICIES.glob("*.yaml")) + json.dumps(dashboard())
    patterns = set(re.findall(r'metric_name=~\\?"([^"\\]+)', text))
    assert patterns
    for pattern in patterns:
        assert any(re.fullmatch(pattern, name) for name in names), pattern


def test_a_counter_is_never_compared_but_by_its_growth():
    for rule in rules()["groups"][0]["rules"]:
        for found in re.finditer(r"(\w+)\(dataflow_googleapis_com:job_user_counter", rule["expr"]):
            assert found[1] == "delta", f"{rule['alert']}: a user counter is a gauge to Cloud Monitoring"


def test_topics_that_are_watched_are_the_contracts():
    found = set(
        re.findall(
            r'topic_id=~"\(([^)]+)\)-topic"',
            policy("no-data")["conditions"][0]["conditionPrometheusQueryLanguage"]["query"],
        )
    )
    assert found == {"|".join(TOPICS)}
