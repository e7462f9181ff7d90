"""The templates' graphs on Prism, with workers that Beam's own boot starts: in a venv, or in the image's file system."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import streaming
from pipelines.command_options.stream_options import StreamOptions, stream_config, subscriptions_of
from pipelines.dataflow.graphs import BUILDERS, job_config
from pipelines.dataflow.metadata import template_parser
from pipelines.dataflow.templates import TEMPLATES
from pipelines.read_options import read_options
from pipelines.runners.prism import Prism
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from tests.support.boot import boot_flags
from tests.support.command import run_command
from tests.support.live import need_prism_program, running_bus, simulated
from transforms.sources.pull_pubsub import PullPubSub

Build = Callable[[beam.Pipeline, Mapping[str, Any]], None]
Views = dict[str, list[str]]

VIEWS = ("order_current", "customer_current", "stock_level", "event_counts_current", "revenue_by_day")
RANGE = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]
EVENTS = "event_id, event_type, event_time, topic, entity_id, data, notes, message_id, publish_time"
SAGAS = "order_id, correlation_id, state, started_time, updated_time, deadline, events, alerts, version"
DEAD_LETTERS = "topic, message_id, stage, error_code, path, payload"


def rows(client, table: str, columns: str = "*") -> list[str]:
    """Return the rows of a table as JSON, in order."""
    sql = f"SELECT TO_JSON_STRING(t) AS r FROM (SELECT {columns} FROM `local.{table}`) AS t ORDER BY r"
    return [row.r for row in client.query(sql).result()]


def stood(client) -> Views:
    """Return what a run leaves: the views, the unchanged events and the dead letters."""
    return {
        **{name: rows(client, f"analytics.{name}") for name in VIEWS},
        "events": rows(client, "event_store.events_distinct", EVENTS),
        "sagas": rows(client, "analytics.order_saga_current", SAGAS),
        "dead_letters": rows(client, "event_store.dead_letters", DEAD_LETTERS),
    }


def check_same(found: Views, wanted: Views) -> None:
    """Assert that two runs left the same, naming what differs; a table that is empty in both proves nothing."""
    assert found.keys() == wanted.keys()
    for name, expected in wanted.items():
        missing, more = sorted(set(expected) - set(found[name])), sorted(set(found[name]) - set(expected))
        assert (len(found[name]), missing[:2], more[:2]) == (len(expected), [], []), name
        assert expected or name == "dead_letters", name


def run_booted(words: list[str], script: Path, template: str, build: Build, folder: Path) -> None:
    """Run a template's graph to its end on Prism; every worker is one that the script started."""
    values = vars(template_parser(TEMPLATES[template]).parse_args(words))
    with Prism(need_prism_program(), folder / "prism.log") as prism:
        options = PipelineOptions(boot_flags(prism.endpoint, script), save_main_session=False)
        pipeline = beam.Pipeline(runner="PortableRunner", options=options)
        build(pipeline, values)
        try:
            pipeline.run().wait_until_finish()
        except Exception:
            log = folder / "boot.log"
            print(log.read_text()[-3000:] if log.exists() else "boot never ran")
            raise
    assert (folder / "workers").read_text().split(), "no worker was started by boot"


def simulated_run(folder: Path, events: int, *more: object) -> Path:
    """Run the main job in this process over simulated messages; return its output."""
    assert run_command("simulate", "--output", folder / "in", "--events", events, "--seed", 5, *more)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


def check_replay(folder: Path, script: Path) -> None:
    """Replay a run's archive as a rebuild: nothing changes, and a run record is written."""
    output = simulated_run(folder, 800, "--dirty", 0.05)
    with open_stores(Target.local(output)) as endpoints:
        before = stood(endpoints.bigquery)
        words = ["--output", str(output), "--mode", "rebuild", *RANGE, "--run_id", "booted"]
        run_booted(words, script, "replay", lambda pipeline, values: BUILDERS["replay"](pipeline, values, ""), folder)
        check_same(stood(endpoints.bigquery), before)
        sql = "SELECT state, messages FROM `local.event_store.replay_runs` WHERE run_id = 'booted'"
        (row,) = endpoints.bigquery.query(sql).result()
        assert (row.state, row.messages > 700) == ("DONE", True)


def check_redrive(folder: Path, script: Path) -> None:
    """Send dead letters again as they are: each fails again and has an outcome."""
    output = simulated_run(folder, 300, "--dirty", 0.1)
    with open_stores(Target.local(output)) as endpoints:
        words = ["--output", str(output), "--codes", "FIELD_TYPE", "MISSING_FIELD", "--run_id", "booted"]
        run_booted(words, script, "redrive", lambda pipeline, values: BUILDERS["redrive"](pipeline, values, ""), folder)
        outcomes = rows(endpoints.bigquery, "event_store.redrives", "dead_letter_id, outcome, run_id")
    assert outcomes
    assert all('"run_id":"booted"' in outcome for outcome in outcomes)


def check_streaming(folder: Path, script: Path) -> None:
    """Stream from the Pub/Sub emulator; a batch run in this process over its archive gives the same result."""
    with running_bus(folder) as bus:
        bus.publish(simulated(folder / "in", 600))
        out = folder / "out"
        words = [f"--{topic.replace('-', '_')}={feed[1]}" for topic, feed in bus.feeds.items()]
        words += ["--output", str(out), "--stop_after_idle", "6", "--run_id", "booted"]

        def build(pipeline: beam.Pipeline, values: Mapping[str, Any]) -> None:
            options = read_options(StreamOptions, values)
            subscriptions, job = subscriptions_of(options), job_config(options, None, str(folder / "temp"))
            job = job.model_copy(update={"write_endpoint": endpoints.write_endpoint})
            source = PullPubSub(
                subscriptions=subscriptions,
                lake=job.lake,
                run_id="booted",
                stop_file=str(folder / "stop"),
                stop_after_idle_seconds=6,
            )
            streaming.build(pipeline, source, job, stream_config(options, [given.topic for given in subscriptions]))

        out.mkdir()
        with open_stores(Target.local(out), create=True) as endpoints:
            provision(endpoints, Target.local(out))
            run_booted(words, script, "streaming", build, folder)
            streamed = stood(endpoints.bigquery)
    code, _, err = run_command("local", "--input", out / "lake" / "archive", "--output", folder / "bounded")
    assert code == 0, err
    with open_stores(Target.local(folder / "bounded")) as endpoints:
        check_same(stood(endpoints.bigquery), streamed)
