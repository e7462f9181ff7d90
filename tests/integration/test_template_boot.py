"""The worker for real: Beam's own boot starts the workers of each graph from a venv that holds the image's packages.

Prism runs the graphs with every sink on; the rows equal those of a run in this process.
"""

from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import streaming
from pipelines.commands.stream import feeds_of
from pipelines.launching.catalog import TEMPLATES
from pipelines.launching.graphs import BUILDERS, job_config
from pipelines.launching.metadata import template_parser
from pipelines.prism import Prism
from pipelines.stream_config import stream_config
from pipelines.target import Target
from tests.support.boot import boot_flags, boot_script, need_boot
from tests.support.image import build_wheel, make_venv
from tests.support.live import need_prism_program, running_bus, simulated
from tests.support.runs import run_command
from transforms.pubsub import PullPubSub

pytestmark = pytest.mark.timeout(150)

VIEWS = ("order_current", "customer_current", "stock_level", "event_counts_current", "revenue_by_day")
RANGE = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    make_venv(folder / "venv", build_wheel(folder / "wheel"))
    return folder / "venv"


@pytest.fixture
def script(tmp_path, environment) -> Path:
    return boot_script(tmp_path, need_boot(), environment)


def views(client, names=VIEWS) -> dict[str, list[str]]:
    sql = "SELECT TO_JSON_STRING(t) AS r FROM `local.analytics.{}` AS t ORDER BY r"
    return {name: [row.r for row in client.query(sql.format(name)).result()] for name in names}


def run(words: list[str], script: Path, template: str, build, folder: Path) -> None:
    args = template_parser(TEMPLATES[template]).parse_args(words)
    with Prism(need_prism_program(), folder / "prism.log") as prism:
        options = PipelineOptions(boot_flags(prism.endpoint, script), save_main_session=False)
        pipeline = beam.Pipeline(runner="PortableRunner", options=options)
        build(pipeline, args)
        try:
            pipeline.run().wait_until_finish()
        except Exception:
            print((folder / "boot.log").read_text()[-3000:] if (folder / "boot.log").exists() else "boot never ran")
            raise
    assert (folder / "workers").read_text().split(), "no worker was started by boot"


def test_workers_that_boot_started_replay_and_change_no_view(tmp_path, script):
    assert run_command("simulate", "--output", tmp_path / "in", "--events", 800, "--seed", 5)[0] == 0
    code, _, err = run_command("local", "--input", tmp_path / "in", "--output", tmp_path / "out")
    assert code == 0, err
    with Target.local(tmp_path / "out").open() as endpoints:
        before = views(endpoints.bigquery)
        words = ["--output", str(tmp_path / "out"), "--mode", "rebuild", *RANGE, "--run_id", "booted"]
        run(words, script, "replay", lambda pipeline, args: BUILDERS["replay"](pipeline, args, ""), tmp_path)
        assert views(endpoints.bigquery) == before
        sql = "SELECT state, messages FROM `local.event_store.replay_runs` WHERE run_id = 'booted'"
        (row,) = endpoints.bigquery.query(sql).result()
        assert (row.state, row.messages > 700) == ("DONE", True)


def test_workers_that_boot_started_stream_the_rows_of_a_bounded_run(tmp_path, script):
    with running_bus(tmp_path) as bus:
        bus.publish(simulated(tmp_path / "in", 600))
        out = tmp_path / "out"
        words = [f"--{topic.replace('-', '_')}={feed[1]}" for topic, feed in bus.feeds.items()]
        words += ["--output", str(out), "--stop_after_idle", "6", "--run_id", "booted"]

        def build(pipeline, args) -> None:
            feeds, job = feeds_of(args), job_config(args, str(tmp_path / "temp"))
            job = job.model_copy(update={"write_endpoint": endpoints.write_endpoint})
            source = PullPubSub(feeds, job.lake, "booted", str(tmp_path / "stop"), stop_after_idle_seconds=6)
            streaming.build(pipeline, source, job, stream_config(args, [feed.topic for feed in feeds]))

        out.mkdir()
        with Target.local(out).open(create=True) as endpoints:
            from pipelines.provisioning.provision import provision

            provision(endpoints, Target.local(out))
            run(words, script, "streaming", build, tmp_path)
            streamed = views(endpoints.bigquery)
    code, _, err = run_command("local", "--input", out / "lake" / "archive", "--output", tmp_path / "bounded")
    assert code == 0, err
    with Target.local(tmp_path / "bounded").open() as endpoints:
        assert views(endpoints.bigquery) == streamed
    assert streamed["order_current"]
