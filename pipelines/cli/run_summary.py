"""The summary of a bounded run: what came in, what became of it, and whether the two agree.

Outcomes are read back from the stores; `received` is what the readers counted. received = valid + duplicates +
dead letters is the contract's promise (docs/data-contract.md#outcomes), and `difference` holds a run to it.
"""

import resource
from typing import Any

from google.cloud import bigquery

from pipelines.stores.target import Target
from schemas.message import topic_label
from schemas.outcomes import Code
from transforms.metrics import TOPIC_LABELS


def read_summary(client: bigquery.Client, target: Target, run_id: str, counted: dict[str, int]) -> dict[str, Any]:
    """Return a run's summary: outcomes from its rows, what readers and deduplication counted from Beam's counters.

    What a sink refused for good stands in the dead-letter files, because the table may be what is sick: `refused_…`.
    """
    store = f"{target.project}.{target.event_store}"
    job = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("run_id", "STRING", run_id)])

    def rows(sql: str) -> list[Any]:
        return list(client.query(sql, job_config=job).result())

    types = rows(
        f"""SELECT event_type, topic, COUNT(*) AS valid FROM `{store}.events`
        WHERE run_id = @run_id GROUP BY event_type, topic ORDER BY event_type"""
    )
    codes = rows(
        f"""SELECT error_code, topic, COUNT(*) AS dead FROM `{store}.dead_letters`
        WHERE run_id = @run_id GROUP BY error_code, topic ORDER BY error_code"""
    )
    by_topic = {
        topic: {
            "received": counted.get(f"received_{topic}", 0),
            "valid": sum(row.valid for row in types if row.topic == topic),
            "duplicates": counted.get(f"duplicate_{topic}", 0),
            "dead_letters": sum(row.dead for row in codes if topic_label(row.topic) == topic)
            + counted.get(f"refused_{topic}", 0),
            "late": counted.get(f"late_{topic}", 0),
        }
        for topic in TOPIC_LABELS
    }
    by_code = {code: counted.get(f"dead_letter_{code}", 0) for code in (Code.SINK_REJECTED, Code.SINK_EXHAUSTED)}
    for row in codes:
        by_code[row.error_code] = by_code.get(row.error_code, 0) + row.dead
    return {
        **{name: sum(topic[name] for topic in by_topic.values()) for name in _TOTALS},
        "by_topic": {topic: counts for topic, counts in by_topic.items() if any(counts.values())},
        "by_event_type": {row.event_type: {"valid": row.valid} for row in types},
        "dead_letters_by_code": {code: count for code, count in sorted(by_code.items()) if count},
    }


_TOTALS = ("received", "valid", "duplicates", "dead_letters", "late")


def difference(summary: dict[str, Any]) -> str | None:
    """Return what does not add up, or None: every message has exactly one outcome."""
    outcomes = summary["valid"] + summary["duplicates"] + summary["dead_letters"]
    if summary["received"] == outcomes:
        return None
    return (
        f"messages do not add up: received {summary['received']:,}, but valid {summary['valid']:,} + duplicates "
        f"{summary['duplicates']:,} + dead letters {summary['dead_letters']:,} = {outcomes:,}"
    )


def resources() -> dict[str, float]:
    """Return CPU seconds and peak memory of this process and its workers so far."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 2),
        "peak_memory_mib": round(max(own.ru_maxrss, children.ru_maxrss) / 1024, 1),
    }
