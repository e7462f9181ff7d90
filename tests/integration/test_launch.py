"""The command `launch` against a loopback Dataflow and Cloud Storage: what is asked of the service, and what is not."""

import json
import re

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from pipelines.launching.catalog import TEMPLATES
from pipelines.launching.metadata import container_spec
from pipelines.launching.update import new_graph
from tests.support.command import run_command
from tests.support.dataflow_service import DataflowService, dataflow_service
from tests.support.launcher import IMAGE, PROJECT, REGION, Storage, storage
from tests.support.templates import PARAMETERS

GIVEN = {name: value for name, value in PARAMETERS["streaming"].items() if name != "pipeline"}
WORDS = [word for name, value in GIVEN.items() for word in (f"--{name}", value)]
JOB = "event-pipelines-streaming"


@pytest.fixture
def service():
    with dataflow_service() as running:
        yield running


@pytest.fixture(scope="module")
def store():
    with pytest.MonkeyPatch.context() as patch, storage("specs", "temp") as running:
        patch.setenv("STORAGE_EMULATOR_HOST", running.url)
        patch.setattr(google.auth, "default", lambda *args, **more: (AnonymousCredentials(), PROJECT))
        for name, template in TEMPLATES.items():
            running.write("specs", f"{name}.json", json.dumps(container_spec(template, IMAGE)).encode())
        running.write("specs", "broken.json", b'{"image": "x", "metadata": {"nonsense": 1}}')
        yield running


def launch(service: DataflowService, what: str, *words: str) -> tuple[int, str, str]:
    return run_command(
        "launch", what, "--project", PROJECT, "--region", REGION, "--dataflow_endpoint", service.url, *words
    )


def stream(service: DataflowService, *words: str, spec: str = "gs://specs/streaming.json") -> tuple[int, str, str]:
    return launch(service, "streaming", "--spec", spec, *WORDS, *words)


def test_a_launch_asks_for_what_the_options_say(service, store):
    more = ["--subnetwork", "regions/europe-west1/subnetworks/pipelines", "--max_workers", "7", "--label", "team=data",
            "--min_workers", "2", "--num_workers", "3", "--worker_zone", "europe-west1-b", "--experiment", "one=1",
            "--service_account_email", "worker@my-project.iam.gserviceaccount.com", "--temp_location", "gs://temp/t",
            "--kms_key_name", "projects/p/locations/l/keyRings/r/cryptoKeys/k"]  # fmt: skip
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
    assert environment["workerZone"] == "europe-west1-b"
    assert environment["serviceAccountEmail"] == "worker@my-project.iam.gserviceaccount.com"
    assert environment["ipConfiguration"] in (2, "WORKER_IP_PRIVATE")
    assert environment["streamingMode"] in (1, "STREAMING_MODE_EXACTLY_ONCE")
    assert environment["kmsKeyName"].endswith("/k")
    assert environment["additionalUserLabels"] == {
        "application": "event-pipelines", "template": "streaming", "team": "data",
    }  # fmt: skip


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


def test_a_dry_run_asks_nothing(service):
    code, out, _ = stream(service, "--dry_run", spec="gs://nowhere/x.json")
    assert code == 0
    assert service.requests == []
    assert json.loads(out[: out.rindex("}") + 1])["launchParameter"]["parameters"]["pipeline"] == "streaming"
    assert "nothing was launched" in out


MISTAKES = {
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


def test_what_the_service_refuses_is_said_in_its_words(service, store):
    service.refuse = (403, "Caller lacks dataflow.jobs.create")
    code, _, err = stream(service)
    assert code == 1
    assert "Caller lacks dataflow.jobs.create" in err
    assert "Traceback" not in err


def test_a_name_that_runs_already_is_not_launched_again(service, store):
    service.add_job(JOB)
    code, _, err = stream(service)
    assert (code, "--update" in err) == (2, True)
    assert service.sent("POST", "flexTemplates:launch") == []


def running_job(service: DataflowService, store: Storage, name: str, change=None, **parameters: str) -> None:
    """Put a running job there whose graph is what this version makes of the parameters, changed."""

    class At:
        project, region = PROJECT, REGION

    graph = new_graph(At, TEMPLATES["streaming"], {**GIVEN, **parameters})
    if change is not None:
        change(graph)
    store.write("temp", f"{name}.pb", graph.SerializeToString())
    options = {"options": {"pipelineUrl": f"gs://temp/{name}.pb"}}
    service.add_job(JOB, environment={"sdkPipelineOptions": options})


def test_an_update_of_the_same_graph_is_launched(service, store):
    running_job(service, store, "same")
    code, out, err = stream(service, "--update")
    assert (code, err) == (0, "")
    assert "can take over" in out
    assert service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]["update"] is True


def test_an_update_that_adds_a_topic_keeps_all_steps(service, store):
    running_job(service, store, "fewer")
    code, _, err = stream(service, "--update", "--customers", "customers-sub")
    assert (code, err) == (0, "")


def rename(graph) -> None:
    for transform in graph.components.transforms.values():
        if transform.unique_name.startswith("DecodeMessages"):
            transform.unique_name = transform.unique_name.replace("DecodeMessages", "Parse", 1)


def test_an_update_that_loses_a_step_is_refused_by_name(service, store):
    running_job(service, store, "renamed", rename)
    code, _, err = stream(service, "--update")
    assert code == 1
    assert "Parse/Decode" in err
    assert service.sent("POST", "flexTemplates:launch") == []


ALERTS = "projects/my-project/topics/saga-alerts"


def test_an_update_that_adds_a_sink_passes(service, store):
    running_job(service, store, "silent")
    code, out, err = stream(service, "--update", "--saga_alerts_topic", ALERTS)
    assert (code, err, "can take over" in out) == (0, "", True)


def test_an_update_that_removes_a_sink_is_refused_by_its_name(service, store):
    running_job(service, store, "loud", saga_alerts_topic=ALERTS)
    code, _, err = stream(service, "--update")
    assert code == 1
    assert "PublishSagaAlerts/Publish: the step is gone" in err
    assert service.sent("POST", "flexTemplates:launch") == []


def recode(graph) -> None:
    """Give what the decoder hands out another coder, as an older version may have had."""
    coder = graph.components.coders["other"]
    coder.spec.urn = "beam:coder:string_utf8:v1"
    for transform in graph.components.transforms.values():
        if transform.unique_name.startswith("DecodeMessages/") and not transform.subtransforms:
            for name in transform.outputs.values():
                graph.components.pcollections[name].coder_id = "other"


def test_an_update_that_changes_a_coder_is_refused_by_the_steps_name(service, store):
    running_job(service, store, "recoded", recode)
    code, _, err = stream(service, "--update")
    assert code == 1
    assert "DecodeMessages/" in err
    assert "the coder of output" in err
    assert service.sent("POST", "flexTemplates:launch") == []


def test_a_mapping_carries_a_renamed_step_over(service, store, tmp_path):
    running_job(service, store, "mapped", rename)
    (tmp_path / "names.json").write_text('{"Parse": "DecodeMessages"}')
    code, _, err = stream(service, "--update", "--transform_name_mapping", str(tmp_path / "names.json"))
    assert (code, err) == (0, "")
    sent = service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]["transformNameMappings"]
    assert sent == {name: name.replace("Parse", "DecodeMessages") for name in sent}
    assert any(name.startswith("Parse/Decode") for name in sent)


def test_a_change_of_the_windows_is_refused(service, store):
    running_job(service, store, "windows", window_seconds="120")
    code, _, err = stream(service, "--update")
    assert (code, "CountEvents" in err) == (1, True)


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
    ("what", "name"), [("drain", "nowhere"), ("cancel", "nowhere"), ("drain", "batch-1")], ids=lambda one: one
)
def test_a_job_that_cannot_be_stopped_so_is_named(service, what, name):
    service.add_job("batch-1", type="JOB_TYPE_BATCH")
    code, _, err = launch(service, what, "--job_name", name)
    assert (code, name in err) == (2, True)
    assert not service.sent("PUT", "/jobs")
