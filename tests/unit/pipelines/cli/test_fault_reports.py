"""The reports of validate: forms that a producer's CI reads, without a value of a payload."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from pipelines.cli.arguments.validate import REPORTS
from pipelines.cli.fault_reports import RENDERED
from pipelines.cli.main import main
from tests.support.events import PUBLISHED, make_event
from tests.support.paths import ROOT

BAD = make_event("order.created", eventId="private-id")
BAD["data"]["items"][0]["quantity"] = "private-quantity"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two files: one event that is valid and one with two faults; a syntax error over two lines."""
    monkeypatch.chdir(tmp_path)
    Path("orders.jsonl").write_text(f"{json.dumps(make_event())}\n{json.dumps(BAD)}\n")
    Path("more.jsonl").write_text('{"eventId": "private",\n "data": ,}\n')
    return ["orders.jsonl", "more.jsonl"]


def report(capsys, files, form: str) -> str:
    code = main(["validate", *files, "--all", "--report", form, "--as_of", PUBLISHED])
    assert code == 1
    return capsys.readouterr().out


@pytest.mark.parametrize("form", REPORTS)
def test_no_report_quotes_a_value(capsys, files, form):
    assert "private" not in report(capsys, files, form)


def test_text_lists_all_faults_below_the_verdict(capsys, files):
    lines = report(capsys, files, "text").splitlines()
    assert lines[0] == "orders.jsonl:1: valid"
    assert lines[1].startswith("orders.jsonl:2: dead letter FIELD_FORMAT eventId (the text is not a UUID)")
    assert lines[2].startswith("    FIELD_FORMAT eventId: the text is not a UUID; required: string, a UUID")
    assert lines[3].startswith("    FIELD_TYPE data.items[0].quantity: ")
    assert lines[5].endswith("line 2, column 10 of the payload")


def test_github_annotations_are_at_the_line_of_the_fault(capsys, files):
    lines = report(capsys, files, "github").splitlines()
    assert lines[0].startswith("::error file=orders.jsonl,line=2,title=FIELD_FORMAT::FIELD_FORMAT eventId")
    assert lines[-1].startswith("::error file=more.jsonl,line=2,col=10,title=JSON_SYNTAX::")
    assert len(lines) == 3


def test_sarif_has_a_rule_per_code_and_a_result_per_fault(capsys, files):
    [run] = json.loads(report(capsys, files, "sarif"))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["FIELD_FORMAT", "FIELD_TYPE", "JSON_SYNTAX"]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert places[2] == {"artifactLocation": {"uri": "more.jsonl"}, "region": {"startLine": 2, "startColumn": 10}}


def test_junit_has_a_case_per_message(capsys, files):
    suite = ElementTree.fromstring(report(capsys, files, "junit"))[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.get("name") for case in suite] == ["line 1", "line 2", "line 1"]
    assert suite[1][0].get("type") == "FIELD_FORMAT"


def test_without_all_only_the_first_fault_is_reported(capsys, files):
    assert main(["validate", *files, "--report", "github", "--as_of", PUBLISHED]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_every_report_has_a_form():
    assert tuple(RENDERED) == REPORTS


def test_the_pre_commit_hook_calls_a_command_that_exists(capsys, files):
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *words = hook["entry"].split()
    assert program == "event-pipelines"
    assert main([*words, *files, "--as_of", PUBLISHED]) == 1
    assert "dead letter" in capsys.readouterr().out


def test_the_action_annotates_every_file_of_its_pattern(files, tmp_path):
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "event-pipelines"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pipelines "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "FILES": "*.jsonl",
        "OPTIONS": f"--as_of {PUBLISHED}", "REPORT": "github",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", steps[-1]["run"]],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert len(done.stdout.splitlines()) == 3
