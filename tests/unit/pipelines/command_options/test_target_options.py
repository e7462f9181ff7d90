"""Targets: the options that make a target, and the errors of the others."""

import argparse
from pathlib import Path

import pytest

from pipelines.command_options.target import add_target_arguments
from pipelines.command_options.target_options import TargetOptions, make_target
from pipelines.errors import UserError
from pipelines.read_options import read_options
from pipelines.stores.target import Target


def target_of(*argv: str, needs_lake: bool = False) -> Target:
    parser = argparse.ArgumentParser()
    add_target_arguments(parser)
    return make_target(read_options(TargetOptions, vars(parser.parse_args(argv))), needs_lake=needs_lake)


def test_a_folder_holds_warehouse_and_lake():
    target = target_of("--output", "out")
    assert target == Target("local", "event_store", "analytics", "out/lake", Path("out"))
    assert target.table("analytics", "event_counts") == "local.analytics.event_counts"


def test_a_project_has_datasets_and_a_lake_of_its_own_names():
    target = target_of(
        *("--project", "acme-prod", "--event_store_dataset", "es", "--analytics_dataset", "an"),
        *("--lake", "gs://acme-lake/events/", "--location", "EU"),
        needs_lake=True,
    )
    assert target == Target("acme-prod", "es", "an", "gs://acme-lake/events", None, "EU")
    assert target.table("event_store", "events") == "acme-prod.es.events"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param([], "--output DIR or --project P", id="neither"),
        pytest.param(["--output", "a", "--project", "acme"], "--project acme: does not go with --output a", id="both"),
        pytest.param(["--output", "a", "--lake", "gs://b"], "--lake gs://b: does not go with --output a", id="lake"),
        pytest.param(["--output", "a", "--location", "EU"], "--location EU: does not go with", id="location"),
        pytest.param(["--project", "acme"], "--lake: required with --project acme", id="no-lake"),
        pytest.param(["--project", "A`B"], "--project A`B: must be", id="project-name"),
        pytest.param(
            ["--output", "a", "--event_store_dataset", "a.b"], "--event_store_dataset a.b: must", id="dataset"
        ),
        pytest.param(["--output", "a", "--analytics_dataset", "Event_Store"], "give two names", id="one-dataset"),
    ],
)
def test_a_wrong_target_names_option_and_value(argv, message):
    with pytest.raises(UserError) as raised:
        target_of(*argv, needs_lake=True)
    assert message in str(raised.value)
