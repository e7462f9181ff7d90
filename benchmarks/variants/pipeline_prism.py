"""The pipeline on Prism, Beam's runner for one machine, its worker in this process."""

from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.variants import pipeline
from pipelines.runners.prism import Prism, need_prism


def run(source: Path, output: Path) -> None:
    """Run it; Prism is started and stopped here."""
    with Prism(need_prism(), output.parent / "prism.log") as prism:
        flags = [f"--job_endpoint={prism.endpoint}", "--environment_type=LOOPBACK", "--max_cache_memory_usage_mb=0"]
        job = beam.Pipeline(runner="PortableRunner", options=PipelineOptions(flags, save_main_session=False))
        pipeline.build(job, source, output)
        job.run().wait_until_finish()
