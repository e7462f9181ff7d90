"""The summary of a run: what was received, its outcomes, the rows of every table, and whether all of it adds up.

Outcomes are Beam's counters; rows are what the tables hold. Two equations are checked: received = valid + duplicates +
dead letters (docs/data-contract.md#outcomes), and per table rows made = rows held + undelivered rows
(docs/data-contract.md#undelivered-rows).
"""

import resource
from collections.abc import Iterable, Mapping
from typing import Any

from google.cloud import bigquery

from pipelines.reconcile import RowsHeld, count_rows, rows_held
from pipelines.stores.target import Target
from schemas.message import topic_label
from schemas.outcomes import Code, Stage
from schemas.tables.definitions import DEAD_LETTERS, EVENTS
from transforms.metrics import TOPIC_LABELS
from transforms.sinks.publish_gate import counts_of

_OUTCOMES = {
    "received": "received",
    "valid": "valid",
    "duplicates": "duplicate",
    "dead_letters": "dead_letter",
    "late": "late",
}
"""Name in the summary: name of the counter."""


def read_summary(
    client: bigquery.Client,
    target: Target,
    run_id: str,
    counted: Mapping[str, int],
    *,
    exact: bool = True,
    counted_all: bool = True,
) -> dict[str, Any]:
    """Return a run's summary.

    Args:
        client: a client of the target's BigQuery.
        target: the stores that the run wrote to.
        run_id: the run.
        counted: its counters of namespace `pipeline`, by name.
        exact: whether every row is written once (a batch run through the Storage Write API). Otherwise rows may be
            written again after a lost reply, and a table may hold more of them than were made.
        counted_all: whether the counters are complete. Otherwise valid events and dead letters are counted in the
            tables, and nothing is compared.

    Returns:
        The outcomes in all, `by_topic` and by `dead_letters_by_code`; valid events `by_event_type`; `tables` with rows
        made, held and undelivered; `undelivered` by table; and `difference`, None or what does not add up.
    """
    types, dead_letters = _valid_rows(client, target, run_id), _dead_letter_rows(client, target, run_id)
    by_topic = {
        topic: {name: counted.get(f"{outcome}_{topic}", 0) for name, outcome in _OUTCOMES.items()}
        for topic in TOPIC_LABELS
    }
    by_code = {code.value: counted.get(f"dead_letter_{code}", 0) for code in sorted(Code)}
    if not counted_all:
        for topic, outcomes in by_topic.items():
            outcomes["valid"] = sum(row.valid for row in types if topic_label(row.topic) == topic)
            outcomes["dead_letters"] = sum(
                row.dead for row in dead_letters if topic_label(row.topic) == topic and row.stage != Stage.SINK
            )
        for code in by_code:
            by_code[code] = sum(row.dead for row in dead_letters if row.error_code == code)
    if exact:
        counts = counts_of(counted, count_rows(client, target, run_id))
    else:
        held = rows_held(client, target, run_id)
        counts = [count.at_least_once(held[count.table].distinct) for count in counts_of(counted, _rows(held))]
    summary: dict[str, Any] = {
        **{name: sum(topic[name] for topic in by_topic.values()) for name in _OUTCOMES},
        "by_topic": {topic: outcomes for topic, outcomes in by_topic.items() if any(outcomes.values())},
        "by_event_type": _by_event_type(types),
        "dead_letters_by_code": {code: count for code, count in by_code.items() if count},
        "tables": {
            count.table: {"made": count.made, "rows": count.appended, "undelivered": count.rejected}
            for count in counts
            if count.made or count.appended
        },
        "undelivered": {count.table: count.rejected for count in counts if count.rejected},
    }
    problems = (
        [outcome_difference(summary), *(count.problem(allow_rejected=True) for count in counts)] if counted_all else []
    )
    return {**summary, "difference": "; ".join(text for text in problems if text) or None}


def _valid_rows(client: bigquery.Client, target: Target, run_id: str) -> list[Any]:
    """Return the run's valid events by type and topic: those of the event store, and those whose row it rejected."""
    return _of_run(
        client,
        run_id,
        f"""SELECT event_type, topic, COUNT(DISTINCT event_id) AS valid FROM (
          SELECT event_type, topic, event_id FROM `{target.table("event_store", EVENTS.name)}` WHERE run_id = @run_id
          UNION ALL
          SELECT event_type, topic, event_id FROM `{target.table("event_store", DEAD_LETTERS.name)}`
          WHERE run_id = @run_id AND stage = '{Stage.SINK}' AND table_name = '{EVENTS.name}'
        ) GROUP BY event_type, topic ORDER BY event_type, topic""",
    )


def _dead_letter_rows(client: bigquery.Client, target: Target, run_id: str) -> list[Any]:
    """Return the run's dead letters by topic, stage and code."""
    return _of_run(
        client,
        run_id,
        f"""SELECT topic, stage, error_code, COUNT(DISTINCT dead_letter_id) AS dead
        FROM `{target.table("event_store", DEAD_LETTERS.name)}` WHERE run_id = @run_id
        GROUP BY topic, stage, error_code""",
    )


def _of_run(client: bigquery.Client, run_id: str, sql: str) -> list[Any]:
    config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("run_id", "STRING", run_id)])
    return list(client.query(sql, job_config=config).result())


def _rows(held: Mapping[str, RowsHeld]) -> dict[str, int]:
    return {table: rows.rows for table, rows in held.items()}


def _by_event_type(types: Iterable[Any]) -> dict[str, dict[str, int]]:
    """Return the valid events by type."""
    found: dict[str, dict[str, int]] = {}
    for row in types:
        found.setdefault(row.event_type, {"valid": 0})["valid"] += row.valid
    return found


def outcome_difference(summary: Mapping[str, Any]) -> str | None:
    """Return what does not add up, or None: every message has exactly one outcome."""
    outcomes = summary["valid"] + summary["duplicates"] + summary["dead_letters"]
    if summary["received"] == outcomes:
        return None
    return (
        f"messages do not add up: received {summary['received']:,}, but valid {summary['valid']:,} + duplicates "
        f"{summary['duplicates']:,} + dead letters {summary['dead_letters']:,} = {outcomes:,}"
    )


def failures(summary: Mapping[str, Any], where: str, *, allow_undelivered: bool) -> Iterable[str]:
    """Yield why a finished run has exit code 1, each with the commands that help; nothing if it has exit code 0.

    Args:
        summary: the summary of the run.
        where: the option that names the stores, such as `--output OUT`.
        allow_undelivered: whether rows that a table rejected are accepted.
    """
    if summary["difference"]:
        yield f"{summary['difference']}; `event-pipelines replay {where} --mode backfill` adds missing rows"
    if summary["undelivered"] and not allow_undelivered:
        tables = ", ".join(f"{table} {rows:,}" for table, rows in summary["undelivered"].items())
        codes = [code for code in (Code.SINK_REJECTED, Code.SINK_EXHAUSTED) if code in summary["dead_letters_by_code"]]
        yield (
            f"undelivered rows: {tables}. See why: event-pipelines dead-letters {where} --codes {' '.join(codes)};"
            f" deliver them: event-pipelines redrive {where} --codes {' '.join(codes)};"
            " --allow_undelivered accepts them"
        )
    if summary["received"] and not summary["valid"] and not summary["duplicates"]:
        code = max(summary["dead_letters_by_code"].items(), key=lambda item: item[1], default=("CODE", 0))[0]
        yield (
            f"none of the {summary['received']:,} messages is valid. See why: event-pipelines dead-letters {where}"
            f" --group_by code,path; event-pipelines explain {code}"
        )


def resources() -> dict[str, float]:
    """Return the CPU seconds and the peak memory (MiB) of this process and its workers so far."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 2),
        "peak_memory_mib": round(max(own.ru_maxrss, children.ru_maxrss) / 1024, 1),
    }
