"""Fault scripts of any kind for a run, and what its stores hold, for tests that compare before, after and undisturbed."""

import json
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st

TABLES = {
    "events": "event_store",
    "dead_letters": "event_store",
    **dict.fromkeys(
        ("order_events", "customer_events", "inventory_events", "payment_events", "iot_telemetry"), "analytics"
    ),
    **dict.fromkeys(("event_counts", "order_sagas", "saga_alerts", "pipeline_metrics"), "analytics"),
}
EVENT_TABLES = ("events", "order_events", "customer_events", "inventory_events", "payment_events", "iot_telemetry")
PERMANENT = ["PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"]
TRANSIENT = ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED"]
_CALLS = st.one_of(st.none(), st.integers(1, 3), st.sampled_from(["1-2", "2-"]))
_FAULT = st.fixed_dictionaries(
    {
        "on": st.sampled_from(["append", "append", "create_stream", "finalize", "commit"]),
        "table": st.one_of(st.none(), st.sampled_from(sorted(TABLES))),
        "call": _CALLS,
    }
)
_EFFECT = st.one_of(
    st.sampled_from(PERMANENT + TRANSIENT).map(lambda status: {"status": status}),
    st.just({"reply_lost": True}),
)
_ROWS = st.fixed_dictionaries(
    {
        "on": st.just("append"),
        "table": st.sampled_from(EVENT_TABLES),
        "row_errors": st.sampled_from(["[0-3]$", "[a-f]$"]).map(
            lambda ending: {"column": "event_id", "matches": ending}
        ),
    }
)
FAULTS = st.lists(
    st.one_of(st.tuples(_FAULT, _EFFECT).map(lambda parts: {**parts[0], **parts[1]}), _ROWS), min_size=1, max_size=3
).map(lambda faults: [{key: value for key, value in fault.items() if value is not None} for fault in faults])
"""One to three faults: any of our tables, any call, any status, lost replies, rejected rows."""


def write_script(path: Path, faults: list[dict[str, Any]]) -> Path:
    """Write a fault script."""
    path.write_text(json.dumps({"faults": faults}))
    return path


def rows_by_run(output: Path) -> dict[str, dict[str, int]]:
    """Return the rows of every table by run."""
    held: dict[str, dict[str, int]] = {}
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        for table, schema in TABLES.items():
            sql = f"SELECT run_id, count(*) FROM {schema}.{table} GROUP BY run_id"
            held[table] = dict(connection.execute(sql).fetchall())
    return held


def event_ids(output: Path) -> dict[str, list[str]]:
    """Return the distinct event ids of every table of events, in order."""
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        return {
            table: [
                row[0]
                for row in connection.execute(
                    f"SELECT DISTINCT event_id FROM {TABLES[table]}.{table} ORDER BY 1"
                ).fetchall()
            ]
            for table in EVENT_TABLES
        }


def lake_files(output: Path) -> set[str]:
    """Return the visible data files of the lake."""
    lake = output / "lake"
    files = (path for path in lake.rglob("*") if path.is_file())
    return {
        str(path.relative_to(lake))
        for path in files
        if not path.name.startswith(("_", ".")) and not str(path.relative_to(lake)).startswith(".")
    }
