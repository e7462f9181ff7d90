"""Run records, dead letters and redrives for the two views with the states of replays and dead letters."""

from typing import Any

from schemas.tables.definitions import DEAD_LETTERS, REDRIVES, REPLAYS, RUNS, Table
from tests.support.deliveries import Rows, at


def _fact(run: str, seconds: float, state: str, **more: Any) -> dict[str, Any]:
    return {
        **{column.name: None for column in REPLAYS.columns},
        "run_id": run, "recorded_time": at(seconds), "state": state, "command": "replay", "mode": "rebuild",
        "source": "archive", "clock": "publish_time", "range_start": at(0), "range_end": at(60), "filters": "{}",
        "who": "me", "pipeline_version": "1", "schema_version": "2", **more,
    }  # fmt: skip


REPLAY_RECORDS: Rows = [
    _fact("r1", 1, "RUNNING", lease_until=at(601)),
    _fact("r1", 200, "RUNNING", lease_until=at(801)),
    _fact("r1", 100, "DONE", messages=5, appended=1),  # a lease renewed while the run ended: the final state wins
    _fact("r2", 2, "RUNNING", lease_until=at(602)),
    _fact("r3", 3, "RUNNING", lease_until=at(603)),
    _fact("r3", 700, "FAILED", error="its lease ended"),
]


def _record(run: str, seconds: float, state: str, command: str = "local", **more: Any) -> dict[str, Any]:
    return {
        **{column.name: [] if column.repeated else None for column in RUNS.columns},
        "run_id": run, "recorded_time": at(seconds), "state": state, "command": command, **more,
    }  # fmt: skip


def _owner(**more: Any) -> dict[str, Any]:
    return {
        "owner_user": "me",
        "owner_host": "here",
        "owner_pid": 7,
        "pipeline_version": "1",
        "schema_version": "3",
        **more,
    }


RECORDS: Rows = [
    _record("n1", 1, "RUNNING", started_time=at(0), configuration='{"workers": 2}', **_owner()),
    _record("n1", 300, "RUNNING", lease_until=at(900)),  # a renewal of the lease leaves all else NULL
    _record(
        *("n1", 200, "DONE"), ended_time=at(199), messages=5,
        counts=[{"table_name": "events", "row_count": 4, "undelivered": 1}],
    ),
    _record("n2", 2, "RUNNING", lease_until=at(602), **_owner()),
    _record("n3", 1, "FAILED", error="the disk is full", **_owner()),
    _record(
        *("n4", 5, "RUNNING", "replay"), lease_until=at(605), mode="rebuild", source="archive", clock="publish_time",
        range_from=at(0), range_to=at(60), filters="{}", **_owner(),
    ),
    _record("n4", 20, "DONE", "replay", appended=3),
]  # fmt: skip
RUN_STATES = {"n1": "DONE", "n2": "RUNNING", "n3": "FAILED", "n4": "DONE"}
STANDS = {"r1": "DONE", "r2": "RUNNING", "r3": "FAILED", "n4": "DONE"}


def _dead_letter(name: str, run: str = "run-1", attempt: int = 1) -> dict[str, Any]:
    return {
        "dead_letter_id": name, "failed_time": at(1), "stage": "data", "error_code": "FIELD_RANGE", "path": "data.quantity",
        "error_message": "out of range", "topic": "inventory", "message_id": f"m-{name[:2]}", "publish_time": at(1),
        "attributes": "{}", "payload": None, "payload_size": 2, "payload_sha256": "0", "event_id": None,
        "event_type": None, "attempt": attempt, "pipeline_version": "1", "ingest_time": at(2), "run_id": run,
    }  # fmt: skip


def _redrive(
    name: str, outcome: str, attempt: int = 1, event_id: str | None = None, again: str | None = None
) -> dict[str, Any]:
    return {
        "dead_letter_id": name, "message_id": f"m-{name[:2]}", "redriven_time": at(100 + attempt), "attempt": attempt,
        "rule": "a rule", "outcome": outcome, "event_id": event_id, "next_dead_letter_id": again,
        "error_code": "FIELD_RANGE" if again else None, "run_id": "redrive-1",
    }  # fmt: skip


DEAD_LETTER_ROWS: Rows = [
    _dead_letter("d1"), _dead_letter("d1", "run-2"),  # the same failure in a second run is one dead letter
    _dead_letter("d2"), _dead_letter("d3"), _dead_letter("d3-2", "redrive-1", 2), _dead_letter("d4"), _dead_letter("d5"), _dead_letter("d6"),
]  # fmt: skip
DEAD_LETTER_ROWS += [
    # Rows that a table rejected; the golden events have rows of event 01 in order_events and none in payment_events.
    {**_dead_letter(name), "stage": "sink", "error_code": "SINK_REJECTED", "table_name": table, "event_id": event_id}
    for name, table, event_id in (
        ("s1", "order_events", "01"), ("s2", "payment_events", "01"), ("s3", "order_events", "not there"),
        ("s4", "events", "02"), ("s5", "event_counts", None), ("s6", "payment_events", "02"),
    )
]  # fmt: skip
REDRIVEN: Rows = [
    _redrive("d2", "RESOLVED", event_id="01"),
    _redrive("d3", "FAILED", again="d3-2"),
    _redrive("d4", "SENT", event_id="02"),  # the store holds this event: it came back
    _redrive("d5", "SENT", event_id="not yet"),
    _redrive("s6", "RESOLVED", event_id="02"),  # a redrive recorded success, but the table holds no row
    _redrive("d6", "FAILED", again="d6-2"), _redrive("d6", "GIVEN_UP", 3),
]  # fmt: skip
STATES = {
    "d1": "open", "d2": "resolved", "d3": "redriven", "d3-2": "open", "d4": "resolved", "d5": "redriven", "d6": "given up",
    "s1": "resolved", "s2": "open", "s3": "open", "s4": "resolved", "s5": "open", "s6": "redriven",
}  # fmt: skip


def replayed_rows() -> dict[tuple[str, str], tuple[Table, Rows]]:
    """Return the rows of the tables."""
    tables = ((RUNS, RECORDS), (REPLAYS, REPLAY_RECORDS), (DEAD_LETTERS, DEAD_LETTER_ROWS), (REDRIVES, REDRIVEN))
    return {(table.dataset, table.name): (table, rows) for table, rows in tables}
