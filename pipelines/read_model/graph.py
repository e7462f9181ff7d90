"""The graph that brings rows of the event store into the read model; rejected rows become dead letters of their own run."""

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.read_model.read_table_rows import ReadTableRows
from pipelines.sinks import append_rows
from schemas.read_model.address import ReadModelAddress
from transforms.coders import use_sized_coders
from transforms.sinks.failed_rows_to_dead_letters import UndeliveredRows
from transforms.sinks.read_model.write import WriteReadModel
from transforms.sources.read_event_store import Store


def build(
    pipeline: beam.Pipeline,
    store: Store,
    queries: list[tuple[str, str]],
    job: JobConfig,
    address: ReadModelAddress,
    namespace: str | None = None,
) -> None:
    """Wire the read model onto queries of the event store.

    Args:
        pipeline: the pipeline to add the steps to.
        store: how a worker reaches BigQuery.
        queries: table and query.
        job: options of the job; its run names the dead letters.
        address: the read model.
        namespace: the tables of a rebuild; None: the live ones.
    """
    use_sized_coders()
    failed = (
        pipeline
        | "ReadTableRows" >> ReadTableRows(store=store, queries=queries)
        | "WriteReadModel"
        >> WriteReadModel(address=address, retry_budget_seconds=job.sink_retry_budget_seconds, namespace=namespace)
    )
    rows = failed | "UndeliveredRows" >> UndeliveredRows(run=job.run)
    rows | "AppendRows" >> append_rows(job, None)
