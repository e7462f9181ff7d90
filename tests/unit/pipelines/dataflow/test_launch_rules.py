"""Rules between parameters of a launch: what the launcher would reject is rejected before anything is sent."""

import pytest

from pipelines.dataflow.launch_rules import check_rules
from pipelines.dataflow.metadata import metadata, option_actions
from pipelines.dataflow.parameters import option_name
from pipelines.dataflow.places import check_kms_key, check_zone, subnetwork_url
from pipelines.dataflow.templates import TEMPLATES
from pipelines.errors import UserError
from tests.support.templates import PARAMETERS

LAKE = {"lake": "gs://my-lake/lake"}
FROM = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
MISTAKES = {
    "no subscription": ("streaming", LAKE, "at least one subscription"),
    "file loads of a stream": ("streaming", {**LAKE, "orders": "s-1", "bigquery_method": "FILE_LOADS"}, "FILE_LOADS"),
    "a small horizon": ("streaming", {**LAKE, "orders": "s-1", "dedup_horizon": "3"}, "--dedup_horizon"),
    "a window that does not divide an hour": (
        "streaming", {**LAKE, "orders": "s-1", "window_seconds": "7"}, "--window_seconds",
    ),
    "a window of none": ("replay", {**LAKE, **FROM, "mode": "backfill", "window_seconds": "0"}, "--window_seconds"),
    "a backfill without a range": ("replay", {**LAKE, "mode": "backfill"}, "--from T and --to T, or --period"),
    "half a range": ("replay", {**LAKE, "mode": "backfill", "from": FROM["from"]}, "--from T and --to T"),
    "two ranges": ("replay", {**LAKE, **FROM, "mode": "backfill", "period": "previous-day"}, "--period"),
    "a range that ends before it starts": (
        "replay", {**LAKE, "mode": "backfill", "from": FROM["to"], "to": FROM["from"]}, "must end after it starts",
    ),
    "a shadow without a dataset": ("replay", {**LAKE, **FROM, "mode": "shadow"}, "--into"),
    "a dataset without a shadow": ("replay", {**LAKE, **FROM, "mode": "rebuild", "into": "x"}, "--into"),
    "a comparison without a shadow": ("replay", {**LAKE, **FROM, "mode": "rebuild", "compare": "true"}, "--compare"),
    "an unknown event type": ("replay", {**LAKE, **FROM, "mode": "rebuild", "event_types": "a.b"}, "--event_types a.b"),
    "two ways of a redrive": ("redrive", {**LAKE, "direct": "true", "to_topics": "true"}, "--to_topics"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_parameters_that_do_not_go_together_are_rejected(mistake):
    name, parameters, words = MISTAKES[mistake]
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        check_rules(TEMPLATES[name], parameters, "my-project")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_good_parameters_pass(name):
    parameters = {key: value for key, value in PARAMETERS[name].items() if key != "pipeline"}
    check_rules(TEMPLATES[name], parameters, "my-project")


@pytest.mark.parametrize("text", ["2026-01-01t00:00:00z", "2026-01-01T00:00:00.5+01:00"])
def test_every_time_that_the_command_takes_passes(text):
    check_rules(TEMPLATES["replay"], {**LAKE, "mode": "backfill", "from": text, "to": "2027-01-01T00:00:00Z"}, "p-1234")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_defaults_are_those_of_the_command(name):
    actions = {option_name(action): action for action, _ in option_actions(TEMPLATES[name])}
    for parameter in metadata(TEMPLATES[name])["parameters"]:
        default = parameter.get("defaultValue")
        if default is not None and parameter["paramType"] == "NUMBER":
            assert float(default) == actions[parameter["name"]].default, parameter["name"]


HOST = "projects/host-1/regions/europe-west1/subnetworks/s"
URL = f"https://www.googleapis.com/compute/v1/{HOST}"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("regions/europe-west1/subnetworks/s", "regions/europe-west1/subnetworks/s"),
        (HOST, URL),
        (URL, URL),
    ],
)
def test_a_subnetwork_of_another_project_is_sent_as_a_url(given, sent):
    assert subnetwork_url(given, "europe-west1") == sent


@pytest.mark.parametrize("given", ["default", "regions/us-east1/subnetworks/s", HOST.replace("europe", "asia")])
def test_a_subnetwork_elsewhere_is_rejected(given):
    with pytest.raises(UserError, match="--subnetwork"):
        subnetwork_url(given, "europe-west1")


def test_zone_and_key_are_of_the_region():
    assert check_zone("europe-west1-b", "europe-west1") == "europe-west1-b"
    with pytest.raises(UserError, match="--worker_zone us-east1-b"):
        check_zone("us-east1-b", "europe-west1")
    with pytest.raises(UserError, match="--kms_key_name"):
        check_kms_key("projects/p/locations/us/keyRings/r/cryptoKeys/k", "europe-west1")
    with pytest.raises(UserError, match="must be projects"):
        check_kms_key("k", "europe-west1")
