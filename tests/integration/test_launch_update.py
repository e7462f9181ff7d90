"""`launch` over a running job: an update with the same graph is accepted, one that would lose state is rejected by name."""

import pytest

from pipelines.dataflow.templates import TEMPLATES
from pipelines.dataflow.update_check import new_graph
from tests.support.dataflow_service import DataflowService, dataflow_service
from tests.support.launch_command import GIVEN, JOB, stored_specs, stream
from tests.support.launcher import PROJECT, REGION, Storage


@pytest.fixture
def service():
    with dataflow_service() as running:
        yield running


@pytest.fixture(scope="module")
def store():
    with stored_specs() as running:
        yield running


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
    assert "can replace" in out
    assert service.sent("POST", "flexTemplates:launch")[0]["launchParameter"]["update"] is True


def test_an_update_that_adds_a_topic_keeps_all_steps(service, store):
    running_job(service, store, "fewer")
    code, _, err = stream(service, "--update", "--customers", "customers-sub")
    assert (code, err) == (0, "")


def rename(graph) -> None:
    for transform in graph.components.transforms.values():
        if transform.unique_name.startswith("DecodeMessages"):
            transform.unique_name = transform.unique_name.replace("DecodeMessages", "Parse", 1)


def test_an_update_that_removes_a_step_is_rejected_and_names_it(service, store):
    running_job(service, store, "renamed", rename)
    code, _, err = stream(service, "--update")
    assert code == 1
    assert "Parse/Decode" in err
    assert service.sent("POST", "flexTemplates:launch") == []


ALERTS = "projects/my-project/topics/saga-alerts"


def test_an_update_that_adds_a_sink_passes(service, store):
    running_job(service, store, "silent")
    code, out, err = stream(service, "--update", "--saga_alerts_topic", ALERTS)
    assert (code, err, "can replace" in out) == (0, "", True)


def test_an_update_that_removes_a_sink_is_rejected_and_names_it(service, store):
    running_job(service, store, "loud", saga_alerts_topic=ALERTS)
    code, _, err = stream(service, "--update")
    assert code == 1
    assert "PublishSagaAlerts/Publish: the step is missing" in err
    assert service.sent("POST", "flexTemplates:launch") == []


def recode(graph) -> None:
    """Give what the decoder hands out another coder, as an older version may have had."""
    coder = graph.components.coders["other"]
    coder.spec.urn = "beam:coder:string_utf8:v1"
    for transform in graph.components.transforms.values():
        if transform.unique_name.startswith("DecodeMessages/") and not transform.subtransforms:
            for name in transform.outputs.values():
                graph.components.pcollections[name].coder_id = "other"


def test_an_update_that_changes_a_coder_is_rejected_and_names_the_step(service, store):
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


def test_a_change_of_the_windows_is_rejected(service, store):
    running_job(service, store, "windows", window_seconds="120")
    code, _, err = stream(service, "--update")
    assert (code, "CountEvents" in err) == (1, True)
