"""Beam's own sinks: the same rows, bounded retries, no value in a reason or a log."""

import datetime
import logging

import pyarrow as pa
import pytest

from schemas.outcomes import Code
from schemas.tables.definitions import TABLES
from transforms.sinks.bigquery.beam_bigquery import from_dict, hide_values, insert_failure, retries_within, to_dicts

DEAD_LETTERS = TABLES["dead_letters"]
NOW = datetime.datetime(2026, 6, 15, 12, tzinfo=datetime.UTC)


def dead_letter() -> pa.RecordBatch:
    row = {field.name: None for field in DEAD_LETTERS.arrow_schema()}
    row |= {
        "dead_letter_id": "1",
        "failed_time": NOW,
        "attributes": '{"a": 1}',
        "payload": b"\xff\x00",
        "payload_size": 2,
    }
    row |= dict.fromkeys(("stage", "error_code", "error_message", "topic", "payload_sha256", "run_id"), "x")
    row |= {"attempt": 1, "pipeline_version": "1", "ingest_time": NOW}
    return pa.RecordBatch.from_pylist([row], schema=DEAD_LETTERS.arrow_schema())


def test_a_row_comes_back_as_it_went() -> None:
    (row,) = to_dicts(dead_letter(), DEAD_LETTERS, parse_json=False)
    assert row["payload"] == "/wA="
    assert row["attributes"] == '{"a": 1}'
    assert from_dict(row, DEAD_LETTERS).equals(dead_letter())


def test_a_json_value_of_a_fault_file_is_parsed() -> None:
    assert to_dicts(dead_letter(), DEAD_LETTERS, parse_json=True)[0]["attributes"] == {"a": 1}


@pytest.mark.parametrize(("budget", "retries"), [(0, 0), (0.2, 1), (1, 2), (600, 11)])
def test_the_retries_of_beam_fit_into_the_budget(budget: float, retries: int) -> None:
    assert retries_within(budget) == retries
    assert sum(0.2 * 2**wait for wait in range(retries)) <= budget


@pytest.mark.parametrize(
    ("error", "code", "reason", "column"),
    [
        (
            {"reason": "invalid", "location": "stage", "message": "Missing required field: a secret."},
            Code.SINK_REJECTED,
            "column stage: a required value is missing",
            "stage",
        ),
        ({"reason": "Forbidden", "message": "a secret"}, Code.SINK_REJECTED, "insertAll: Forbidden", None),
        (
            {"reason": "backendError", "message": "a secret"},
            Code.SINK_EXHAUSTED,
            "insertAll: the retries were used up",
            None,
        ),
    ],
    ids=["bad row", "permanent", "transient"],
)
def test_an_insert_error_has_one_code_and_no_value(
    error: dict[str, str], code: Code, reason: str, column: str | None
) -> None:
    assert insert_failure([error], DEAD_LETTERS) == (code, reason, column)


def test_beams_log_of_rejected_rows_is_emptied() -> None:
    record = logging.LogRecord(
        "beam", logging.ERROR, "", 0, "There were errors inserting to BigQuery: a secret", (), None
    )
    assert hide_values(record)
    assert "secret" not in record.getMessage()
