"""Counts of a staging: how many rows a condition holds for, and the counts of the run record."""

from collections.abc import Mapping

from google.cloud import bigquery

from pipelines.stores.target import Target
from transforms.metrics import TOPIC_LABELS


def count_staged(client: bigquery.Client, staged: Target, what: str) -> int:
    """Return the number of rows of a table of the staged event store; `what` may go on with a WHERE clause."""
    sql = f"SELECT COUNT(*) AS n FROM `{staged.project}`.`{staged.event_store}`.{what}"
    return int(next(iter(client.query(sql).result())).n)


def run_counts(client: bigquery.Client, target: Target, staged: Target, counted: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of the run record, once the changes have been found.

    Args:
        counted: counters of the graph that read the messages.
    """
    held = f"SELECT dead_letter_id FROM `{target.table('event_store', 'dead_letters')}`"
    return {
        "messages": sum(counted.get(f"received_{topic}", 0) for topic in TOPIC_LABELS),
        "events": count_staged(client, staged, "events"),
        "appended": count_staged(client, staged, "fresh"),
        "dead_letters": count_staged(client, staged, f"dead_letters WHERE dead_letter_id NOT IN ({held})"),
        "hours": count_staged(client, staged, "hours"),
        "orders": count_staged(client, staged, "orders"),
    }
