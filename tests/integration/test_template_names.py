"""Names that outlive a release, held by tests/data/names.yaml: metrics, steps of the streaming template, their state.

Alerts and dashboards go by the metrics; an update of a running job goes by the steps and reads the state. A renamed
step goes into RENAMED_STEPS (pipelines/dataflow/update_check.py) too. Template parameters are held by each metadata.json.
"""

import google.auth
import pytest
import yaml
from apache_beam.options.pipeline_options import GoogleCloudOptions
from google.auth.credentials import AnonymousCredentials

from pipelines.dataflow.compatibility import Step, steps_of
from pipelines.dataflow.templates import TEMPLATES
from pipelines.dataflow.update_check import new_graph
from schemas.message import TOPICS
from tests.support.launcher import PROJECT, REGION, ROOT, storage
from transforms.metrics import COUNTER_NAMES, DISTRIBUTION_NAMES
from transforms.sinks.bigquery import counters as sink_counters

SINK_COUNTERS = [counter.metric_name.name for counter in (sink_counters.RETRIES, *sink_counters.LOST_ROWS.values())]
HELD = yaml.safe_load((ROOT / "tests" / "data" / "names.yaml").read_text())


@pytest.fixture(scope="module")
def steps() -> dict[str, Step]:
    class At:
        project, region = PROJECT, REGION

    parameters = {topic.replace("-", "_"): f"{topic}-sub" for topic in TOPICS}
    parameters |= {"lake": "gs://my-lake/lake", "saga_alerts_topic": "projects/my-project/topics/saga-alerts"}
    with pytest.MonkeyPatch.context() as patch, storage("my-lake") as running:
        patch.setenv("STORAGE_EMULATOR_HOST", running.url)
        patch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda self, name: False)
        patch.setattr(google.auth, "default", lambda *args, **more: (AnonymousCredentials(), PROJECT))
        return steps_of(new_graph(At, TEMPLATES["streaming"], parameters))


def test_metrics_keep_their_names():
    assert sorted({*COUNTER_NAMES, *SINK_COUNTERS, *sink_counters.ROW_COUNTERS}) == HELD["counters"]
    assert sorted(DISTRIBUTION_NAMES) == HELD["distributions"]


def test_steps_of_the_streaming_template_keep_their_names(steps):
    assert sorted({name.split("/")[0] for name in steps}) == HELD["streaming_steps"]


def test_state_of_the_streaming_template_keeps_its_names(steps):
    found = {name: sorted([*step.state, *step.timers]) for name, step in steps.items() if step.state or step.timers}
    assert found == HELD["streaming_state"]
