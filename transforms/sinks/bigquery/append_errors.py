"""What the replies of BigQuery's Storage Write API mean for the rows of a request. Pure functions.

The server's own messages quote values, and values are personal data: a reason is made from the status, from closed lists
of phrases and from our own column names, never from the server's text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.bigquery_storage_v1 import types
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status


class Kind(StrEnum):
    """What a reply means; append_steps.py says what follows."""

    WRITTEN = "written"  # the rows are in the stream already: a reply was lost
    ROWS = "rows"  # some rows are bad and none was written
    WHOLE = "whole"  # the request is bad and none was written; the reply does not say which rows
    UNSEEN = "unseen"  # the connection ended at an append before it
    BEHIND = "behind"  # its offset is not the end of the stream: an append before it failed
    STREAM = "stream"  # the stream is finalized or gone
    TRANSIENT = "transient"  # a retry may succeed
    PERMANENT = "permanent"  # a retry cannot succeed


class RowReason(NamedTuple):
    """Why a row was rejected: the column that BigQuery named, None if it named none, and a phrase of a closed list."""

    column: str | None
    phrase: str

    def __str__(self) -> str:
        return f"column {self.column or 'unknown'}: {self.phrase}"


@dataclass(frozen=True)
class Failure:
    """One failed request. `rows` are the reasons by index of the row (kind ROWS only)."""

    kind: Kind
    status: str
    reason: str
    rows: Mapping[int, RowReason] = field(default_factory=dict)


CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}
STORAGE = {int(code): str(code.name) for code in list[Any](types.StorageError.StorageErrorCode)}

_KINDS = {
    "ALREADY_EXISTS": Kind.WRITTEN,
    "OFFSET_ALREADY_EXISTS": Kind.WRITTEN,
    "STREAM_ALREADY_COMMITTED": Kind.WRITTEN,
    "OUT_OF_RANGE": Kind.BEHIND,
    "OFFSET_OUT_OF_RANGE": Kind.BEHIND,
    "STREAM_NOT_FOUND": Kind.STREAM,
    "STREAM_FINALIZED": Kind.STREAM,
    "INVALID_STREAM_STATE": Kind.STREAM,
    "INVALID_ARGUMENT": Kind.WHOLE,
    "NOT_FOUND": Kind.PERMANENT,
    "TABLE_NOT_FOUND": Kind.PERMANENT,
    "PERMISSION_DENIED": Kind.PERMANENT,
    "UNAUTHENTICATED": Kind.PERMANENT,
    "UNIMPLEMENTED": Kind.PERMANENT,
    "FAILED_PRECONDITION": Kind.PERMANENT,
    "INVALID_STREAM_TYPE": Kind.PERMANENT,
    "SCHEMA_MISMATCH_EXTRA_FIELDS": Kind.PERMANENT,
    "CMEK_NOT_PROVIDED": Kind.PERMANENT,
    "INVALID_CMEK_PROVIDED": Kind.PERMANENT,
    "CMEK_ENCRYPTION_ERROR": Kind.PERMANENT,
    "KMS_PERMISSION_DENIED": Kind.PERMANENT,
}
"""Every other status is transient: the budget ends it."""

_ADVICE = {
    "PERMISSION_DENIED": "permission bigquery.tables.updateData is needed on the table",
    "UNAUTHENTICATED": "the credentials were rejected; permission bigquery.tables.updateData is needed on the table",
    "NOT_FOUND": "the table does not exist: run provision, which needs bigquery.tables.create",
    "TABLE_NOT_FOUND": "the table does not exist: run provision, which needs bigquery.tables.create",
    "SCHEMA_MISMATCH_EXTRA_FIELDS": "the table lacks a column: run provision, which needs bigquery.tables.update",
    "FAILED_PRECONDITION": "the table cannot be written now; with --output: the disk is full or read-only",
    "INVALID_ARGUMENT": "BigQuery rejected the request and named no row",
    "KMS_PERMISSION_DENIED": "permission cloudkms.cryptoKeyVersions.useToEncrypt is needed on the table's key",
}

OUTSIDE_STREAMING = "its partition is out of reach of streaming"
_ROW_PHRASES = (
    (re.compile(r"outside (of )?the allowed bounds|can only stream to", re.I), OUTSIDE_STREAMING),
    (re.compile(r"required|missing|\bnull\b|cannot be empty", re.I), "a required value is missing"),
    (
        re.compile(r"out of (the )?(allowed |valid )?(bounds|range)|overflow|out-of-range", re.I),
        "the value is out of range",
    ),
    (re.compile(r"too (large|long|big)|exceeds|maximum (size|length)", re.I), "the value is too large"),
    (re.compile(r"utf-?8", re.I), "the text is not UTF-8"),
    (
        re.compile(r"json|parse|convert|cast|invalid|malformed|format|type", re.I),
        "the value does not fit the column's type",
    ),
)


def classify(status: str, storage: str = "", row_reasons: Mapping[int, RowReason] | None = None) -> Failure:
    """Return what a status means; BigQuery's own finer code `storage` decides if it is given."""
    if row_reasons:
        return Failure(Kind.ROWS, status, "rows were rejected", dict(row_reasons))
    name = storage or status
    kind = _KINDS.get(name, Kind.TRANSIENT)
    return Failure(kind, name, f"{name}: {_ADVICE[name]}" if name in _ADVICE else name)


def classify_reply(reply: types.AppendRowsResponse, columns: Sequence[str], row_count: int) -> Failure | None:
    """Return what a reply in the stream means for a request of `row_count` rows; None: the rows are written."""
    message = types.AppendRowsResponse.pb(reply)
    if message.WhichOneof("response") == "append_result":
        return None
    bad = {
        error.index: row_reason(error.message, columns) for error in message.row_errors if 0 <= error.index < row_count
    }
    return classify(_status_name(message.error.code), _storage_name([message.error]), bad)


def classify_exception(error: BaseException) -> Failure:
    """Return what the failure of a call means: of a connection, or of a call that creates, finalizes or commits."""
    if isinstance(error, GoogleAPICallError):
        status = "UNKNOWN" if error.grpc_status_code is None else str(error.grpc_status_code.name)
        return classify(status, _call_storage_name(error.__cause__))
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return classify(error.code().name, _call_storage_name(error))
    if isinstance(error, TimeoutError):
        return classify("DEADLINE_EXCEEDED")
    return classify("UNKNOWN")


def classify_connection(error: BaseException) -> Failure:
    """Return what the end of a connection means for an append that waits on it, which may or may not be written."""
    failure = classify_exception(error)
    if failure.kind in (Kind.WRITTEN, Kind.BEHIND):  # 409 closes an idle connection; it says nothing about our rows
        return Failure(Kind.TRANSIENT, failure.status, failure.reason)
    return failure


def on_default_stream(failure: Failure) -> Failure:
    """Return what a failure means on the default stream, which has no offsets and no end."""
    if failure.kind in (Kind.WRITTEN, Kind.STREAM):
        return Failure(Kind.TRANSIENT, failure.status, failure.reason)
    if failure.kind is Kind.BEHIND:
        return Failure(Kind.PERMANENT, failure.status, failure.reason)
    return failure


def row_reason(message: str, columns: Iterable[str]) -> RowReason:
    """Return the column and the kind of fault in BigQuery's message about a row, and nothing else of it."""
    named = re.search(r"(?:field|column)s?(?: name)?[\s:=]+[\"'`]?(?:root\.)?([A-Za-z_]\w*)", message, re.I)
    words: list[str] = ([named[1]] if named else []) + re.findall(r"[A-Za-z_]\w*", message)
    known = {column.lower(): column for column in columns}
    column = next((known[word.lower()] for word in words if word.lower() in known), None)
    phrase = next((text for pattern, text in _ROW_PHRASES if pattern.search(message)), "rejected by the table")
    return RowReason(column, phrase)


def _status_name(code: int) -> str:
    return CODES.get(code, "UNKNOWN")


def _storage_name(statuses: Iterable[Status]) -> str:
    """Return BigQuery's own code in the details of a status; empty if there is none."""
    for status in statuses:
        for detail in status.details:
            if detail.type_url.endswith("google.cloud.bigquery.storage.v1.StorageError"):
                code = types.StorageError.deserialize(detail.value).code
                return STORAGE.get(int(code), "") if code else ""
    return ""


def _call_storage_name(call: object) -> str:
    if not isinstance(call, grpc.Call):
        return ""
    status = rpc_status.from_call(call)
    return _storage_name([status] if status is not None else [])
