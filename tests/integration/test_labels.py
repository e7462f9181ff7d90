"""Labels are API: metrics and job updates go by them. A change of the list is a decision, seen in review."""

import subprocess
import sys

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor

from pipelines import batch
from pipelines.config import JobConfig
from tests.support.paths import ROOT
from transforms.metrics import COUNTER_NAMES, DISTRIBUTION_NAMES
from transforms.sources.read_files import ReadMessages
from transforms.table_rows import Run

LABELS = [
    "AllDeadLetters", "AllFiles", "AllMeasured", "AllRefused", "AppendRows", "ArchiveMessages", "CountEvents",
    "DeadLetterManifests", "DeadLetterRows", "DecodeMessages", "Deduplicate", "DeviceFeatures", "FailedRows",
    "MeasurePipeline", "ReadMessages", "ToRows", "TrackSagas", "WriteDeadLetters", "WriteFeatures", "WriteManifests",
    "WriteTelemetry",
]  # fmt: skip


def labels_of(pipeline: beam.Pipeline) -> list[str]:
    class Visitor(PipelineVisitor):
        def __init__(self) -> None:
            self.found: set[str] = set()

        def visit_transform(self, node) -> None:
            self.found.add(node.full_label.split("/")[0])

        def enter_composite_transform(self, node) -> None:
            if node.full_label:
                self.found.add(node.full_label.split("/")[0])

    visitor = Visitor()
    pipeline.visit(visitor)
    return sorted(visitor.found)


def test_labels_of_the_main_job_do_not_change():
    job = JobConfig(
        run=Run("r", 0, "0"), lake="lake", temp="temp", project="p", event_store="event_store", analytics="analytics"
    )
    pipeline = beam.Pipeline()
    batch.build(pipeline, ReadMessages(ranges=[], as_of=0), job)
    assert labels_of(pipeline) == LABELS


def test_a_pipeline_reads_on_one_screen():
    for name in ("batch.py", "streaming.py"):
        path = ROOT / "pipelines" / name
        if path.exists():
            body = path.read_text().split("def build(")[1].split("\ndef ")[0]
            assert len(body.splitlines()) <= 60, name


def test_metric_names_are_a_closed_list():
    assert len(set(COUNTER_NAMES)) == len(COUNTER_NAMES)
    assert DISTRIBUTION_NAMES == ("event_lag_ms", "publish_lag_ms")


def test_schemas_import_no_beam():
    code = (
        "import pkgutil, sys, schemas\n"
        "for module in pkgutil.walk_packages(schemas.__path__, 'schemas.'):\n    __import__(module.name)\n"
        "sys.exit('apache_beam' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
