"""Publish the saga alerts and compensation requests of the orders in a replay, if the job has a topic for them.

They are computed from all events of an order that the stores will have after the replay, not only those of the range.
They are published before the replay is committed: a killed replay publishes them again, with the same event ids.
"""

from collections.abc import Iterator
from typing import Any

from google.cloud import bigquery, pubsub_v1

from pipelines.config import JobConfig
from pipelines.errors import RunFailed
from pipelines.sinks import tables_of
from pipelines.stores.target import Target
from schemas.saga.reducer import END_OF_INPUT_US, Saga, reduce_saga
from transforms.sagas.history import history_query, read_orders
from transforms.sagas.publish_alerts import envelopes, publish_envelopes

ENVELOPES_PER_CALL = 1000


def publish_staged_alerts(client: bigquery.Client, job: JobConfig, staged: Target) -> int:
    """Publish the alerts of the orders of a staged replay; return the number of published envelopes.

    A deadline after the newest known publish time has not passed: its alert is not published.

    Raises:
        RunFailed: Pub/Sub rejected alerts; the replay is not committed, and the next attempt publishes them again.
    """
    if job.saga_alerts_topic is None:
        return 0
    live = tables_of(job)
    staged_tables = tables_of(job.model_copy(update={"event_store": staged.event_store, "analytics": staged.analytics}))
    newest = f"SELECT MAX(UNIX_MICROS(publish_time)) AS at FROM (SELECT publish_time FROM `{live.name('events')}`"
    newest += f" UNION ALL SELECT publish_time FROM `{staged_tables.name('events')}`)"
    until_us = next(iter(client.query(newest).result())).at or 0
    orders = f"SELECT order_id FROM `{staged.table('event_store', 'orders')}`"
    sagas = (
        reduce_saga(order.order_id, order.facts, now_us=END_OF_INPUT_US, timeout_us=job.saga_timeout_us)
        for order in read_orders(client, history_query([live, staged_tables], orders))
    )
    publisher = pubsub_v1.PublisherClient()
    published = 0
    try:
        for group in _in_calls(sagas, until_us):
            count, rejected = publish_envelopes(publisher, job.saga_alerts_topic, group)
            published += count
            if rejected:
                raise RunFailed(f"--saga_alerts_topic {job.saga_alerts_topic}: Pub/Sub rejected {rejected:,} alerts")
    finally:
        publisher.stop()
    return published


def _in_calls(sagas: Iterator[Saga], until_us: int) -> Iterator[list[dict[str, Any]]]:
    waiting: list[dict[str, Any]] = []
    for saga in sagas:
        waiting += envelopes([saga], until_us)
        if len(waiting) >= ENVELOPES_PER_CALL:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
