"""The command `launch` against a loopback Dataflow and Cloud Storage: what is asked of the service, and what is not."""

import json
import re
from urllib.parse import parse_qs

import pytest

from tests.support.dataflow_service import dataflow_service
from tests.support.launch_command import JOB, launch, stored_specs, stream
from tests.support.launcher import IMAGE
from tests.support.templates import PARAMETERS


@pytest.fixture
def service():
    with dataflow_service() as running:
        yield running


@pytest.fixture(scope="module")
def store():
    with stored_specs() as running:
        yield running


def test_a_launch_requests_the_given_options(service, store):
    more = ["--subnetwork", "regions/europe-west1/subnetworks/pipelines", "--max_workers", "7", "--label", "team=data",
            "--min_workers", "2", "--num_workers", "3", "--worker_zone", "europe-west1-b", "--experiment", "one=1",
            "--service_account_email", "worker@my-project.iam.gserviceaccount.com", "--temp_location", "gs://temp/t",
            "--kms_key_name", "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k",
            "--machine_type", "n2-standard-8", "--launcher_machine_type", "e2-medium"]  # fmt: skip
    code, out, err = stream(service, *more)
    assert (code, err) == (0, "")
    assert JOB in out
    sent = service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]
    environment = sent["environment"]
    assert sent["jobName"] == JOB
    assert sent["containerSpecGcsPath"] == "gs://specs/streaming.json"
    assert sent["parameters"] == PARAMETERS["streaming"]
    assert environment["sdkContainerImage"] == IMAGE
    assert environment["enableStreamingEngine"] is True
    assert (environment["numWorkers"], environment["maxWorkers"]) == (3, 7)
    assert environment["additionalExperiments"] == ["one=1", "min_num_workers=2"]
    assert (environment["machineType"], environment["launcherMachineType"]) == ("n2-standard-8", "e2-medium")
    assert environment["workerZone"] == "europe-west1-b"
    assert environment["serviceAccountEmail"] == "worker@my-project.iam.gserviceaccount.com"
    assert environment["ipConfiguration"] in (2, "WORKER_IP_PRIVATE")
    assert environment["streamingMode"] in (1, "STREAMING_MODE_EXACTLY_ONCE")
    assert environment["kmsKeyName"].endswith("/k")
    assert environment["additionalUserLabels"] == {
        "application": "event-pipelines", "template": "streaming", "team": "data",
    }  # fmt: skip


def test_a_subnetwork_of_a_shared_vpc_is_sent_as_a_url(service, store):
    host = "projects/host-1/regions/europe-west1/subnetworks/s"
    assert stream(service, "--subnetwork", host)[0] == 0
    environment = service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]["environment"]
    assert environment["subnetwork"] == f"https://www.googleapis.com/compute/v1/{host}"


def test_workers_of_a_running_job_are_scaled_without_an_update(service):
    job = service.add_job(JOB)
    code, out, err = launch(service, "scale", "--job_name", JOB, "--min_workers", "3", "--max_workers", "30")
    assert (code, err) == (0, "")
    assert job["id"] in out
    [body] = service.sent("PUT", job["id"])
    assert body == {"runtimeUpdatableParams": {"minNumWorkers": 3, "maxNumWorkers": 30}}
    [query] = [path for method, path in service.queries if method == "PUT"]
    assert {*parse_qs(query)["updateMask"][0].split(",")} == {
        "runtimeUpdatableParams.minNumWorkers",
        "runtimeUpdatableParams.maxNumWorkers",
    }


@pytest.mark.parametrize(
    ("words", "named"),
    [
        pytest.param([], "at least one is needed", id="nothing"),
        pytest.param(["--min_workers", "3", "--max_workers", "2"], "--max_workers 2", id="bounds out of order"),
        pytest.param(["--utilization", "0.95"], "--utilization", id="a share out of range"),
        pytest.param(["--max_workers", "3", "--job_name", "nowhere"], "--job_name nowhere", id="no such job"),
        pytest.param(["--max_workers", "3", "--job_name", "batch-1"], "--job_name batch-1", id="a batch job"),
    ],
)
def test_a_scale_that_is_wrong_changes_nothing(service, words, named):
    service.add_job(JOB)
    service.add_job("batch-1", type="JOB_TYPE_BATCH")
    code, _, err = launch(service, "scale", "--job_name", JOB, *words)
    assert (code, named in err) == (2, True)
    assert not service.sent("PUT", "/jobs")


def test_at_least_once_is_an_option(service, store):
    assert stream(service, "--streaming_mode", "at_least_once")[0] == 0
    environment = service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]["environment"]
    assert environment["streamingMode"] in (2, "STREAMING_MODE_AT_LEAST_ONCE")


@pytest.mark.parametrize("name", ["replay", "redrive"])
def test_a_batch_template_is_launched_under_a_name_of_its_own(service, store, name):
    given = [word for key, value in PARAMETERS[name].items() if key != "pipeline" for word in (f"--{key}", value)]
    assert launch(service, name, "--spec", f"gs://specs/{name}.json", *given, "--flexrs")[0] == 0
    sent = service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]
    assert re.fullmatch(rf"event-pipelines-{name}-\d{{8}}-\d{{6}}", sent["jobName"])
    assert sent["parameters"] == PARAMETERS[name]
    assert sent["environment"]["flexrsGoal"] in (2, "FLEXRS_COST_OPTIMIZED")
    assert not sent["environment"].get("enableStreamingEngine")
    assert not sent.get("update")


def test_a_dry_run_sends_no_request(service):
    code, out, _ = stream(service, "--dry_run", spec="gs://nowhere/x.json")
    assert code == 0
    assert service.requests == []
    assert json.loads(out[: out.rindex("}") + 1])["launchParameter"]["parameters"]["pipeline"] == "streaming"
    assert "nothing was launched" in out


MISTAKES = {
    "a subnetwork elsewhere": (["--subnetwork", "regions/us-east1/subnetworks/s"], "--subnetwork regions/us-east1"),
    "a key elsewhere": (["--kms_key_name", "projects/p/locations/us/keyRings/r/cryptoKeys/k"], "--kms_key_name"),
    "a zone elsewhere": (["--worker_zone", "us-east1-b"], "--worker_zone us-east1-b"),
    "a horizon that is too small": (["--dedup_horizon", "1"], "--dedup_horizon"),
    "a bad parameter": (["--window_seconds", "0"], "--window_seconds 0"),
    "a bad choice": (["--bigquery_method", "MAGIC"], "--bigquery_method MAGIC"),
    "a bad flag": (["--accept_cloudevents", "yes"], "--accept_cloudevents yes"),
    "an option that is none": (["--windows", "60"], "--windows"),
    "a laptop's option": (["--output", "x"], "--output"),
    "bounds out of order": (["--min_workers", "3", "--max_workers", "2"], "--max_workers 2"),
    "a start over the most": (["--num_workers", "11"], "--max_workers 10"),
    "no workers": (["--max_workers", "0"], "--max_workers"),
    "a bad job name": (["--job_name", "My_Job"], "--job_name My_Job"),
    "a bad label": (["--label", "Team=Data"], "--label Team=Data"),
    "a spec that is not there": (["--spec", "gs://specs/none.json"], "gs://specs/none.json"),
    "a spec that is none": (["--spec", "gs://specs/broken.json"], "nonsense"),
    "a spec on this machine": (["--spec", "streaming.json"], "--spec streaming.json"),
    "an update of what does not run": (["--update"], "--update: no job"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_launched(service, store, mistake):
    words, named = MISTAKES[mistake]
    code, _, err = stream(service, *words)
    assert code == 2
    assert named in err
    assert "Traceback" not in err
    assert service.sent("POST", "flexTemplates:launch") == []


def test_a_missing_parameter_is_named(service, store):
    code, _, err = launch(service, "streaming", "--spec", "gs://specs/streaming.json", "--orders", "orders-sub")
    assert (code, "--lake" in err) == (2, True)


def test_parameters_that_do_not_go_together_are_named(service, store):
    spec = ("--spec", "gs://specs/replay.json", "--lake", "gs://my-lake/lake")
    code, _, err = launch(service, "replay", *spec, "--mode", "backfill")
    assert (code, "--from T and --to T" in err) == (2, True)
    code, _, err = launch(service, "streaming", "--spec", "gs://specs/streaming.json", "--lake", "gs://my-lake/lake")
    assert (code, "at least one subscription" in err) == (2, True)
    assert service.sent("POST", "flexTemplates:launch") == []


def test_a_rejection_by_the_service_is_quoted(service, store):
    service.reject = (403, "Caller lacks dataflow.jobs.create")
    code, _, err = stream(service)
    assert code == 1
    assert "Caller lacks dataflow.jobs.create" in err
    assert "Traceback" not in err


def test_jobs_are_listed_drained_and_cancelled(service):
    service.add_job("batch-1", type="JOB_TYPE_BATCH")
    service.add_job("old", currentState="JOB_STATE_DONE")
    service.add_job(JOB)
    code, out, _ = launch(service, "list")
    assert (code, "batch-1" in out, "old" in out) == (0, True, False)
    assert "old" in launch(service, "list", "--all")[1]
    assert launch(service, "drain", "--job_name", JOB)[0] == 0
    assert launch(service, "cancel", "--job_name", "batch-1")[0] == 0
    states = {job["name"]: job["currentState"] for job in service.jobs.values()}
    assert states == {"batch-1": "JOB_STATE_CANCELLING", "old": "JOB_STATE_DONE", JOB: "JOB_STATE_DRAINING"}


@pytest.mark.parametrize(
    ("what", "name"), [("drain", "nowhere"), ("cancel", "nowhere"), ("drain", "batch-1")], ids=lambda item: item
)
def test_a_job_that_cannot_be_stopped_so_is_named(service, what, name):
    service.add_job("batch-1", type="JOB_TYPE_BATCH")
    code, _, err = launch(service, what, "--job_name", name)
    assert (code, name in err) == (2, True)
    assert not service.sent("PUT", "/jobs")
