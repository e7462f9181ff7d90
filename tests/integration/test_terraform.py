"""Terraform's files: formatted, no dangling name, variables that reject bad values, no role wider than its work."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.terraform import TERRAFORM, bare_module, blocks, plan, run, text
from tests.support.tools import require
from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.partitions import hour_partition
from transforms.windows.features import FEED

EXAMPLES = sorted((TERRAFORM / "examples").glob("*.tfvars"))


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    return bare_module(tmp_path_factory.mktemp("terraform") / "templates")


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


def test_every_variable_has_a_description_and_a_type():
    for name, body in blocks().items():
        if name.startswith("var."):
            assert body.get("description"), name
            assert body.get("type"), name


def test_it_is_formatted():
    program = require("terraform", "checks the form of Terraform's files")
    done = subprocess.run([program, "fmt", "-check", "-recursive", str(TERRAFORM)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_accepted(module, example):
    done = run(module, "plan", "-no-color", "-input=false", f"-var-file={example}")
    assert done.returncode == 0, done.stderr


BAD = {
    "project": "My_Project", "region": "europe-west1-b", "prefix": "EP", "topics": ["orders", "payments"],
    "image_tag": "latest", "streaming_mode": "sometimes", "max_workers": 0, "subnetwork": "default",
    "archive_retention_days": 7, "event_store_expiry_days": -1, "window_seconds": 7, "notification_emails": ["nobody"],
    "thresholds": {"throughput_share": 1.5}, "location": "europe", "start_streaming": "true", "machine_type": "N2 large",
    "network": "default", "kms_key_name": "my-key", "readers": ["analysts@example.com"], "restricted_readers": ["me"],
    "publishers": ["order-service"], "runbooks": "docs/runbooks", "schedules": {"backfill": "hourly"},
    "budget": {"billing_account": "mine"}, "image_digest": "0.2.0", "pii_key_version": "latest",
    "launcher_machine_type": "N2 large", "allowed_lateness_seconds": 0, "dedup_horizon": 3, "saga_timeout_minutes": 0.5,
    "notification_channels": ["on-call"],
    "api": {"image_tag": "1.0.0"},
}  # fmt: skip
WITHOUT_RULE = {"audit_logs", "deletion_protection", "lake_tables"}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_rejected_by_name(module, name):
    done = plan(module, **{name: BAD[name]})
    assert done.returncode == 1
    assert f'variable "{name}"' in done.stderr


def test_every_variable_has_a_bad_value_that_is_rejected():
    assert {name.removeprefix("var.") for name in blocks() if name.startswith("var.")} == BAD.keys() | WITHOUT_RULE


ROLES = {"roles/owner", "roles/editor", "roles/storage.admin", "roles/bigquery.admin", "roles/pubsub.admin"}


def test_no_account_has_a_role_that_is_wider_than_its_work():
    assert not ROLES & set(re.findall(r'"(roles/[\w.]+)"', text()))


def test_deleted_objects_of_the_lake_are_gone_in_the_end():
    lake = blocks()["google_storage_bucket.lake"]
    rules = [rule["condition"][0] for rule in lake["lifecycle_rule"]]
    [noncurrent] = [condition for condition in rules if "days_since_noncurrent_time" in condition]
    assert noncurrent.keys() - {"__is_block__"} == {"days_since_noncurrent_time", "with_state"}, "no other condition"
    assert noncurrent["days_since_noncurrent_time"] == 7
    assert "ARCHIVED" in noncurrent["with_state"]
    assert lake["soft_delete_policy"][0]["retention_duration_seconds"] == 7 * 24 * 3600


def test_the_external_tables_cover_every_parquet_feed_and_match_no_other_file():
    tables = blocks()["google_bigquery_table.feed"]["external_data_configuration"][0]
    assert [uri.strip('"').endswith("/*.parquet") for uri in tables["source_uris"]] == [True]
    resources = json.loads((ROOT / "templates" / "bigquery" / "resources.json").read_text())["external_tables"]
    assert {table["folder"] for table in resources.values()} == {FEED, *(feed.folder for feed in FEEDS)}


def test_the_folders_of_an_external_table_are_its_partitions():
    [options] = blocks()["google_bigquery_table.feed"]["external_data_configuration"][0]["hive_partitioning_options"]
    assert "part.name" in options["source_uri_prefix"]
    resources = json.loads((ROOT / "templates" / "bigquery" / "resources.json").read_text())["external_tables"]
    folder = hour_partition(0)
    for table in resources.values():
        assert [part["name"] for part in table["partitions"]] == [level.split("=")[0] for level in folder.split("/")]
