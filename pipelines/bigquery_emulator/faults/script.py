"""Read fault scripts: YAML or JSON files that name the call and the error to inject (docs/faults.md).

The models are strict: an unknown key, a fault without effect and an impossible condition are one-line errors.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Self

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
GRPC_POINTS = ("append", "create_stream", "get_stream", "finalize", "commit", "flush")
JOB_POINTS = ("query", "load", "copy")
REST_POINTS = ("insertAll", "datasets", "tables", "routines", "tabledata", "jobs", "queries", "upload")
_EFFECTS = ("status", "delay_seconds", "reply_lost", "row_errors", "reject_request", "close_stream")
POINTS = {"any", *GRPC_POINTS, *JOB_POINTS, *(f"rest:{name}" for name in REST_POINTS)}


class _Loader(yaml.SafeLoader):
    """Load YAML with `on` as a string: only true and false are booleans, as in YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RowErrors(_Strict):
    """The rows to reject: one condition on one column."""

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
        """Report whether the condition holds for one value."""
        if self.is_null is not None:
            return (value is None) == self.is_null
        if value is None:
            return False
        if self.matches is not None:
            return re.search(self.matches, str(value)) is not None
        return bool(value == self.equals or str(value) == str(self.equals))


class Fault(_Strict):
    """One fault: the call, when it applies, and the effect."""

    on: str
    table: str | None = None
    call: int | list[int] | str | None = Field(default=None, description="number, list of numbers, or range 'A-B'")
    rate: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    status: str | int | None = None
    delay_seconds: float = Field(default=0.0, ge=0, le=600)
    reply_lost: bool = False
    row_errors: RowErrors | None = None
    reject_request: RowErrors | None = None
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
        effects = [getattr(self, name) for name in _EFFECTS]
        if not any(effects):
            raise ValueError(
                "nothing happens: give status, delay_seconds, reply_lost, row_errors, reject_request or close_stream"
            )
        if self.close_stream and self.on not in ("append", "any"):
            raise ValueError("close_stream goes with on: append")
        if self.row_errors and self.on not in ("append", "rest:insertAll", "any"):
            raise ValueError("row_errors go with on: append or rest:insertAll")
        if self.reject_request and self.on not in ("append", "rest:insertAll", "any"):
            raise ValueError("reject_request goes with on: append or rest:insertAll")
        return self

    def at(self, number: int, draw: float) -> bool:
        """Report whether the fault applies to the n-th call that it counts."""
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
    """The faults of a script."""

    faults: list[Fault] = []

    @classmethod
    def load(cls, path: Path) -> FaultScript:
        """Read a YAML or JSON file; ValueError with one line naming the file and the key."""
        try:
            text = path.read_text(encoding="utf-8")
            value = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
        return cls.parse(value, str(path))

    @classmethod
    def parse(cls, value: Any, where: str = "faults") -> FaultScript:
        """Validate a parsed script; ValueError with one line."""
        try:
            return cls.model_validate({} if value is None else value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{where}: {place}: {what}" if place else f"{where}: {what}") from None
