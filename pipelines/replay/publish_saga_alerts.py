"""What a replay publishes of sagas where it is told to: of every order that it touches, all that its saga has to say.

Decided from all facts that the stores will hold, never from the part of an order's life that a range cuts out; said
before the replay stands, so that a killed one says it again and none forgets it. Event ids are those of the first time.
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

ENVELOPES_A_CALL = 1000


def say_sagas(client: bigquery.Client, job: JobConfig, staged: Target) -> int:
    """Publish what the sagas of a staged replay's orders have to say; return how much the bus took.

    A deadline beyond the newest publish time that is known has not passed and is not said. RunFailed where the bus
    refuses: then nothing of the replay stands, and it is said again.
    """
    if job.saga_alerts_topic is None:
        return 0
    live = tables_of(job)
    there = tables_of(job.model_copy(update={"event_store": staged.event_store, "analytics": staged.analytics}))
    newest = f"SELECT MAX(UNIX_MICROS(publish_time)) AS at FROM (SELECT publish_time FROM `{live.name('events')}`"
    newest += f" UNION ALL SELECT publish_time FROM `{there.name('events')}`)"
    until_us = next(iter(client.query(newest).result())).at or 0
    orders = f"SELECT order_id FROM `{staged.table('event_store', 'orders')}`"
    sagas = (
        reduce_saga(order.order_id, order.facts, now_us=END_OF_INPUT_US, timeout_us=job.saga_timeout_us)
        for order in read_orders(client, history_query([live, there], orders))
    )
    publisher = pubsub_v1.PublisherClient()
    taken = 0
    try:
        for some in _in_calls(sagas, until_us):
            count, refused = publish_envelopes(publisher, job.saga_alerts_topic, some)
            taken += count
            if refused:
                raise RunFailed(f"--saga_alerts_topic {job.saga_alerts_topic}: the bus refused {refused:,} alerts")
    finally:
        publisher.stop()
    return taken


def _in_calls(sagas: Iterator[Saga], until_us: int) -> Iterator[list[dict[str, Any]]]:
    waiting: list[dict[str, Any]] = []
    for saga in sagas:
        waiting += envelopes([saga], until_us)
        if len(waiting) >= ENVELOPES_A_CALL:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
