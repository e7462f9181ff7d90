"""Fault scripts: accepted and rejected keys, and the calls to which a fault applies."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.bigquery_emulator.faults.injector import Faults
from pipelines.bigquery_emulator.faults.script import Fault, FaultScript, RowErrors
from tests.support.paths import DATA

FAULTS = DATA / "faults"


def script(**fault: Any) -> FaultScript:
    return FaultScript.parse({"faults": [fault]})


REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"on": "append", "stauts": "INTERNAL"}, "faults.0.stauts: unknown key"),
    "no point": ({"status": "INTERNAL"}, "faults.0.on: Field required"),
    "unknown point": ({"on": "apend", "status": "INTERNAL"}, "faults.0.on: unknown point 'apend'"),
    "no effect": ({"on": "append"}, "faults.0: nothing happens"),
    "unknown code": ({"on": "append", "status": "UNAVAILBLE"}, "faults.0.status: unknown gRPC code 'UNAVAILBLE'"),
    "no error status": ({"on": "append", "status": 200}, "faults.0.status: HTTP status 200 is not between"),
    "call zero": ({"on": "append", "status": 503, "call": 0}, "faults.0.call: calls are counted from 1"),
    "no range": ({"on": "append", "status": 503, "call": "3 to 5"}, "faults.0.call: '3 to 5' is no range"),
    "rate over 1": ({"on": "append", "status": 503, "rate": 1.5}, "faults.0.rate: Input should be less than"),
    "call and rate": ({"on": "append", "status": 503, "rate": 0.5, "call": 1}, "faults.0: give call or rate"),
    "text for a flag": ({"on": "append", "reply_lost": "yes"}, "faults.0.reply_lost: Input should be a valid boolean"),
    "stream of a query": ({"on": "query", "close_stream": True}, "faults.0: close_stream goes with on: append"),
    "rows of a commit": (
        {"on": "commit", "row_errors": {"column": "a", "is_null": True}},
        "faults.0: row_errors go with",
    ),
    "whole requests of a query": (
        {"on": "query", "reject_request": {"column": "a", "is_null": True}},
        "faults.0: reject_request goes with on: append",
    ),
    "two conditions": (
        {"on": "append", "row_errors": {"column": "a", "is_null": True, "equals": 1}},
        "faults.0.row_errors: give exactly one of",
    ),
    "no expression": (
        {"on": "append", "row_errors": {"column": "a", "matches": "("}},
        "faults.0.row_errors.matches: no regular expression",
    ),
}


@pytest.mark.parametrize(("fault", "message"), REJECTED.values(), ids=REJECTED)
def test_a_mistake_is_named_in_one_line(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"^faults: ") as raised:
        FaultScript.parse({"faults": [fault]})
    assert str(raised.value).removeprefix("faults: ").startswith(message)
    assert "\n" not in str(raised.value)


def test_files_are_read_and_named_in_errors(tmp_path: Path) -> None:
    example = FaultScript.load(FAULTS / "example.yaml")
    assert [fault.on for fault in example.faults] == ["append", "append", "append", "commit", "query"]
    same = tmp_path / "same.json"
    same.write_text('{"faults": [{"on": "query", "delay_seconds": 1}]}')
    assert FaultScript.load(same).faults[0].delay_seconds == 1.0
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert FaultScript.load(empty).faults == []
    broken = tmp_path / "broken.yaml"
    broken.write_text("faults: [")
    for path in (broken, tmp_path / "absent.yaml"):
        with pytest.raises(ValueError, match=path.name) as raised:
            FaultScript.load(path)
        assert "\n" not in str(raised.value)


WHEN: dict[str, tuple[dict[str, Any], list[int]]] = {
    "every call": ({}, [1, 2, 3, 4, 5]),
    "a number": ({"call": 2}, [2]),
    "a list": ({"call": [1, 4]}, [1, 4]),
    "a range": ({"call": "2-3"}, [2, 3]),
    "from then on": ({"call": "4-"}, [4, 5]),
    "never": ({"rate": 0.0}, []),
    "always": ({"rate": 1}, [1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize(("when", "applied"), WHEN.values(), ids=WHEN)
def test_a_fault_applies_to_the_calls_it_names(when: dict[str, Any], applied: list[int]) -> None:
    faults = Faults(script(on="append", status="INTERNAL", **when))
    assert [call for call in range(1, 6) if faults.effect_at(("append",))] == applied


def test_a_rate_applies_to_the_same_calls_for_the_same_seed() -> None:
    def calls(seed: int) -> list[bool]:
        faults = Faults(script(on="append", status="INTERNAL", rate=0.3, seed=seed))
        return [faults.effect_at(("append",)) is not None for _ in range(1000)]

    assert calls(1) == calls(1)
    assert calls(1) != calls(2)
    assert 250 < sum(calls(1)) < 350


def test_faults_count_separately_and_add_up() -> None:
    faults = Faults(
        FaultScript.parse(
            {
                "faults": [
                    {"on": "append", "table": "events", "call": 2, "status": "INTERNAL", "delay_seconds": 1},
                    {"on": "any", "call": 3, "delay_seconds": 0.5, "reply_lost": True},
                    {"on": "rest:tables", "status": 503},
                ]
            }
        )
    )
    assert faults.effect_at(("append",), "events") is None
    assert faults.effect_at(("append",), "other") is None
    effect = faults.effect_at(("append",), "events")
    assert effect is not None
    assert (effect.status, effect.delay_seconds, effect.reply_lost) == ("INTERNAL", 1.5, True)
    rejected = faults.effect_at(("rest:tables",))
    assert rejected is not None
    assert (rejected.http_status(), rejected.grpc_code()) == (503, 14)
    assert effect.http_status() == 500


CONDITIONS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "equals text": ({"column": "s", "equals": "b"}, [1]),
    "equals number": ({"column": "n", "equals": 3}, [2]),
    "matches": ({"column": "s", "matches": "^[ab]$"}, [0, 1]),
    "matches a number's text": ({"column": "n", "matches": "1"}, [0]),
    "is null": ({"column": "s", "is_null": True}, [2]),
    "is not null": ({"column": "s", "is_null": False}, [0, 1]),
    "no such column": ({"column": "x", "is_null": True}, []),
}


@pytest.mark.parametrize(("condition", "rows"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_finds_its_rows(condition: dict[str, Any], rows: list[int]) -> None:
    batch = pa.RecordBatch.from_pydict({"s": ["a", "b", None], "n": [1, 2, 3]})
    assert RowErrors.model_validate(condition).rows(batch) == rows


def test_without_a_script_no_fault_applies() -> None:
    assert Faults(None).effect_at(("append",)) is None
    assert Faults(FaultScript()).effect_at(("append",)) is None
    assert Fault(on="append", status="INTERNAL").at(1, 0.5)
