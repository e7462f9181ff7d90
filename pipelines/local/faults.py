"""A fault script: what goes wrong, at which call, the same on every run.

A script is a YAML or JSON file with a list `faults` (docs/faults.md). Each fault counts the calls it watches; it
strikes at the given call numbers, or at a rate drawn from its own seeded generator.
"""

from __future__ import annotations

import json
import random
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

GRPC_CODES = {
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
_HTTP_OF_GRPC = {
    1: 499,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    14: 503,
    16: 401,
}
_GRPC_OF_HTTP = {
    400: 3,
    401: 16,
    403: 7,
    404: 5,
    409: 6,
    412: 9,
    413: 3,
    429: 8,
    499: 1,
    501: 12,
    502: 14,
    503: 14,
    504: 4,
}
GRPC_POINTS = ("append", "create_stream", "get_stream", "finalize", "commit", "flush")
JOB_POINTS = ("query", "load", "copy")
REST_POINTS = ("insertAll", "datasets", "tables", "routines", "tabledata", "jobs", "queries", "upload")
POINTS = {"any", *GRPC_POINTS, *JOB_POINTS, *(f"rest:{name}" for name in REST_POINTS)}


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RowErrors(_Strict):
    """The rows to refuse: one condition on one column."""

    column: str
    equals: str | int | float | bool | None = None
    matches: str | None = None
    is_null: bool | None = None
    reason: str = "invalid"

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if sum(value is not None for value in (self.equals, self.matches, self.is_null)) != 1:
            raise ValueError("give exactly one of equals, matches and is_null")
        return self

    def rows(self, batch: pa.RecordBatch) -> list[int]:
        """Return the indexes of the rows that the condition holds for."""
        if self.column not in batch.schema.names:
            return []
        column = batch.column(self.column)
        if self.is_null is not None:
            mask = column.is_null() if self.is_null else column.is_valid()
            return [row for row, hit in enumerate(mask.to_pylist()) if hit]
        if self.matches is not None and pa.types.is_string(column.type):
            mask = pc.match_substring_regex(column, self.matches)
            return [row for row, hit in enumerate(mask.to_pylist()) if hit]
        return [row for row, value in enumerate(column.to_pylist()) if self.holds(value)]

    def holds(self, value: Any) -> bool:
        """Say whether the condition holds for one value."""
        if self.is_null is not None:
            return (value is None) == self.is_null
        if value is None:
            return False
        if self.matches is not None:
            return re.search(self.matches, str(value)) is not None
        return bool(value == self.equals or str(value) == str(self.equals))


class Fault(_Strict):
    """One fault: where, when, and what."""

    on: str
    table: str | None = None
    call: int | list[int] | str | None = Field(
        default=None, description="number, list of numbers, or range 'A-B'"
    )
    rate: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    status: str | int | None = None
    delay_seconds: float = Field(default=0.0, ge=0, le=600)
    reply_lost: bool = False
    row_errors: RowErrors | None = None
    close_stream: bool = False

    @field_validator("delay_seconds", "rate", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("on")
    @classmethod
    def _known_point(cls, value: str) -> str:
        if value not in POINTS:
            raise ValueError(f"unknown point {value!r}, one of {', '.join(sorted(POINTS))}")
        return value

    @field_validator("call")
    @classmethod
    def _calls(cls, value: int | list[int] | str | None) -> int | list[int] | str | None:
        numbers = value if isinstance(value, list) else [value] if isinstance(value, int) else []
        if isinstance(value, str) and not re.fullmatch(r"[1-9]\d*-([1-9]\d*)?", value):
            raise ValueError(f"{value!r} is no range; write '3-5' or '3-'")
        if any(number < 1 for number in numbers):
            raise ValueError("calls are counted from 1")
        return value

    @field_validator("status")
    @classmethod
    def _known_status(cls, value: str | int | None) -> str | int | None:
        if isinstance(value, str) and value not in GRPC_CODES:
            raise ValueError(f"unknown gRPC code {value!r}")
        if isinstance(value, int) and not 400 <= value <= 599:
            raise ValueError(f"HTTP status {value} is not between 400 and 599")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.call is not None and self.rate is not None:
            raise ValueError("give call or rate, not both")
        effects = (self.status, self.row_errors, self.delay_seconds, self.reply_lost, self.close_stream)
        if not any(effects):
            raise ValueError(
                "nothing happens: give status, delay_seconds, reply_lost, row_errors or close_stream"
            )
        if self.close_stream and self.on not in ("append", "any"):
            raise ValueError("close_stream goes with on: append")
        if self.row_errors and self.on not in ("append", "rest:insertAll", "any"):
            raise ValueError("row_errors go with on: append or rest:insertAll")
        return self

    def at(self, number: int, draw: float) -> bool:
        """Say whether the fault strikes at the n-th call it watches."""
        match self.call:
            case int():
                return number == self.call
            case list():
                return number in self.call
            case str():
                first, last = self.call.split("-")
                return int(first) <= number and (not last or number <= int(last))
        return self.rate is None or draw < self.rate


class FaultScript(_Strict):
    """The faults of a run."""

    faults: list[Fault] = []

    @classmethod
    def load(cls, path: Path) -> FaultScript:
        """Read a YAML or JSON file; ValueError with one line naming the file and the key."""
        try:
            text = path.read_text(encoding="utf-8")
            value = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
        return cls.parse(value, str(path))

    @classmethod
    def parse(cls, value: Any, where: str = "faults") -> FaultScript:
        """Check a script that is already Python; ValueError with one line."""
        try:
            return cls.model_validate({} if value is None else value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            what = (
                "unknown key"
                if first["type"] == "extra_forbidden"
                else first["msg"].removeprefix("Value error, ")
            )
            raise ValueError(f"{where}: {place}: {what}" if place else f"{where}: {what}") from None


@dataclass
class Strike:
    """What happens at one call: the sum of the faults that strike."""

    status: str | int | None = None
    delay_seconds: float = 0.0
    reply_lost: bool = False
    close_stream: bool = False
    row_errors: list[RowErrors] = field(default_factory=list)

    def grpc_code(self) -> int:
        """Return the status as a gRPC code number."""
        if isinstance(self.status, int):
            return _GRPC_OF_HTTP.get(self.status, 13)
        return GRPC_CODES[self.status or "UNAVAILABLE"]

    def http_status(self) -> int:
        """Return the status as an HTTP status."""
        if isinstance(self.status, int):
            return self.status
        return _HTTP_OF_GRPC.get(GRPC_CODES[self.status or "UNAVAILABLE"], 500)


class Faults:
    """A fault script at work: the counters and generators of its faults."""

    def __init__(self, script: FaultScript | None) -> None:
        self._lock = threading.Lock()
        self._watched = [[fault, 0, random.Random(fault.seed)] for fault in script.faults] if script else []

    def strike(self, points: tuple[str, ...], table: str | None = None) -> Strike | None:
        """Count a call at any of these points, and return what befalls it (None: nothing)."""
        if not self._watched:
            return None
        struck = []
        with self._lock:
            for watched in self._watched:
                fault, count, generator = watched
                if fault.on != "any" and fault.on not in points or fault.table not in (None, table):
                    continue
                watched[1] = count + 1
                if fault.at(count + 1, generator.random()):
                    struck.append(fault)
        if not struck:
            return None
        return Strike(
            status=next((fault.status for fault in struck if fault.status is not None), None),
            delay_seconds=sum(fault.delay_seconds for fault in struck),
            reply_lost=any(fault.reply_lost for fault in struck),
            close_stream=any(fault.close_stream for fault in struck),
            row_errors=[fault.row_errors for fault in struck if fault.row_errors],
        )
