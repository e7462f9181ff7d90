"""Flex templates' metadata: generated from the options, read strictly by Google's protos, held equal to the files."""

import json
import re

import pytest
from google.cloud import dataflow_v1beta3 as dataflow
from google.protobuf.json_format import ParseError

from pipelines.dataflow.launch_request import check_parameters
from pipelines.dataflow.metadata import container_spec, metadata, metadata_text, option_actions
from pipelines.dataflow.parameters import option_name
from pipelines.dataflow.templates import DISPATCH, TEMPLATES
from tests.support.command import run_command
from tests.support.paths import ROOT

IMAGE = "europe-docker.pkg.dev/my-project/pipelines/event-pipelines:0.2.0"
HERE = sorted(TEMPLATES)


@pytest.mark.parametrize("name", HERE)
def test_the_file_is_what_the_options_make(name):
    path = ROOT / "templates" / name / "metadata.json"
    made = metadata_text(TEMPLATES[name])
    assert path.read_text() == made, "run: python -m pipelines template-spec --write_metadata templates"


@pytest.mark.parametrize("name", HERE)
def test_google_reads_every_field(name):
    dataflow.TemplateMetadata.from_json(json.dumps(metadata(TEMPLATES[name])), ignore_unknown_fields=False)
    spec = dataflow.ContainerSpec.from_json(
        json.dumps(container_spec(TEMPLATES[name], IMAGE)), ignore_unknown_fields=False
    )
    assert spec.image == spec.default_environment.sdk_container_image == IMAGE
    assert spec.sdk_info.language == dataflow.SDKInfo.Language.PYTHON


def test_an_unknown_field_is_an_error():
    spec = container_spec(TEMPLATES["streaming"], IMAGE)
    spec["metadata"]["suportsAtLeastOnce"] = True
    with pytest.raises(ParseError, match="suportsAtLeastOnce"):
        dataflow.ContainerSpec.from_json(json.dumps(spec), ignore_unknown_fields=False)


def test_streaming_modes_reach_the_spec():
    spec = dataflow.ContainerSpec.from_json(json.dumps(container_spec(TEMPLATES["streaming"], IMAGE)))
    assert spec.metadata.streaming
    assert spec.metadata.supports_at_least_once
    assert spec.metadata.supports_exactly_once
    assert spec.metadata.default_streaming_mode == "EXACTLY_ONCE"
    assert spec.default_environment.enable_streaming_engine


@pytest.mark.parametrize("name", HERE)
def test_every_parameter_has_help(name):
    for parameter in metadata(TEMPLATES[name])["parameters"]:
        assert parameter["label"], parameter
        assert len(parameter["helpText"]) > 10, parameter
        assert "groupName" in parameter
        default = parameter.get("defaultValue")
        assert default is None or parameter["isOptional"], parameter
        for pattern in parameter.get("regexes", []):
            assert default is None or re.fullmatch(pattern, default), parameter
        options = [option["value"] for option in parameter.get("enumOptions", [])]
        assert bool(options) == (parameter["paramType"] == "ENUM"), parameter
        assert default is None or not options or default in options, parameter


@pytest.mark.parametrize("name", HERE)
def test_every_option_is_a_parameter_or_has_a_reason(name):
    template = TEMPLATES[name]
    options = {option_name(action) for action, _ in option_actions(template)}
    parameters = {parameter["name"] for parameter in metadata(template)["parameters"]} - {DISPATCH}
    assert options == parameters | (options & template.left_out.keys())
    assert not parameters & template.left_out.keys()


REGEXES = [
    ("orders", "projects/my-project/subscriptions/event-pipelines-orders", True),
    ("orders", "event-pipelines-orders", True),
    ("orders", "projects/p/subscriptions/x", False),
    ("lake", "gs://my-lake/root", True),
    ("lake", "/home/lake", False),
    ("window_seconds", "60", True),
    ("window_seconds", "0", False),
    ("sink_retry_budget", "0.5", True),
    ("accept_cloudevents", "yes", False),
    ("pii_key_secret", "projects/my-project/secrets/key/versions/3", True),
    ("pii_key_secret", "key", False),
]


@pytest.mark.parametrize(("name", "value", "good"), REGEXES, ids=[f"{name}={value}" for name, value, _ in REGEXES])
def test_the_service_can_reject_a_bad_value(name, value, good):
    parameters = {parameter["name"]: parameter for parameter in metadata(TEMPLATES["streaming"])["parameters"]}
    assert all(re.fullmatch(pattern, value) for pattern in parameters[name]["regexes"]) is good


def test_the_command_prints_a_spec():
    code, out, err = run_command("template-spec", "--template", "streaming", "--image", IMAGE)
    assert (code, err) == (0, "")
    assert json.loads(out)["image"] == IMAGE


@pytest.mark.parametrize(
    "image",
    ["event-pipelines", "europe-docker.pkg.dev/p/r/n", "europe-docker.pkg.dev/p/r/n:latest", "a/b@sha256:12", "a/B:1"],
)
def test_an_image_that_can_change_is_rejected(image):
    code, out, err = run_command("template-spec", "--template", "streaming", "--image", image)
    assert code == 2
    assert f"--image {image}" in err
    assert out == ""


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00z", "2026-01-01t00:00:00.5+01:00"])
def test_launch_accepts_the_times_and_defaults_of_the_command(text):
    given = {"lake": "gs://bucket-x/lake", "mode": "backfill", "from": text, "to": text}
    check_parameters(metadata(TEMPLATES["replay"]), given)
