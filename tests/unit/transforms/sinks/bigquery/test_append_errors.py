"""Every rejection of the Storage Write API has one meaning, and nothing of the server's text gets through."""

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2
from google.rpc import code_pb2, status_pb2

from transforms.sinks.bigquery import append_errors
from transforms.sinks.bigquery.append_errors import Kind

SECRET = "ada@example.com"
COLUMNS = ["event_id", "amount", "email_hmac", "total"]


def rejection(code: int, storage: str = "", rows: tuple[tuple[int, str], ...] = ()) -> types.AppendRowsResponse:
    status = status_pb2.Status(code=code, message=f"refused {SECRET}")
    if storage:
        detail = any_pb2.Any()
        error = types.StorageError(code=types.StorageError.StorageErrorCode[storage], error_message=SECRET)
        detail.Pack(types.StorageError.pb(error))
        status.details.append(detail)
    errors = [types.RowError(index=i, code=1, message=text) for i, text in rows]
    return types.AppendRowsResponse(error=status, row_errors=errors)


@pytest.mark.parametrize(
    ("status", "storage", "kind"),
    [
        ("RESOURCE_EXHAUSTED", "", Kind.TRANSIENT),
        ("INTERNAL", "", Kind.TRANSIENT),
        ("UNAVAILABLE", "", Kind.TRANSIENT),
        ("DEADLINE_EXCEEDED", "", Kind.TRANSIENT),
        ("ABORTED", "", Kind.TRANSIENT),
        ("CANCELLED", "", Kind.TRANSIENT),
        ("UNKNOWN", "", Kind.TRANSIENT),
        ("INTERNAL", "KMS_SERVICE_ERROR", Kind.TRANSIENT),
        ("ALREADY_EXISTS", "", Kind.WRITTEN),
        ("ALREADY_EXISTS", "OFFSET_ALREADY_EXISTS", Kind.WRITTEN),
        ("OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE", Kind.BEHIND),
        ("INVALID_ARGUMENT", "STREAM_FINALIZED", Kind.STREAM),
        ("NOT_FOUND", "STREAM_NOT_FOUND", Kind.STREAM),
        ("NOT_FOUND", "TABLE_NOT_FOUND", Kind.PERMANENT),
        ("NOT_FOUND", "", Kind.PERMANENT),
        ("PERMISSION_DENIED", "", Kind.PERMANENT),
        ("INVALID_ARGUMENT", "", Kind.WHOLE),
        ("INVALID_ARGUMENT", "SCHEMA_MISMATCH_EXTRA_FIELDS", Kind.PERMANENT),
    ],
)
def test_a_status_in_the_stream_has_one_meaning(status: str, storage: str, kind: Kind) -> None:
    failure = append_errors.classify_reply(rejection(code_pb2.Code.Value(status), storage), COLUMNS, 10)
    assert failure is not None
    assert failure.kind is kind
    assert SECRET not in repr(failure)


def test_every_status_of_grpc_and_of_bigquery_is_classified() -> None:
    for code in grpc.StatusCode:
        assert append_errors.classify(code.name).kind in Kind
    for name in append_errors.STORAGE.values():
        assert append_errors.classify("UNKNOWN", name).kind in Kind


def test_an_accepted_append_is_not_a_failure() -> None:
    reply = types.AppendRowsResponse(append_result=types.AppendRowsResponse.AppendResult(offset=7))
    assert append_errors.classify_reply(reply, COLUMNS, 10) is None


def test_row_errors_name_rows_columns_and_the_kind_of_fault_only() -> None:
    rows = (
        (0, f"Field amount: NUMERIC out of range: {SECRET}"),
        (3, f"Field root.email_hmac is required but has NULL value, near total {SECRET}"),
        (4, f"Cannot parse '{SECRET}' in event_id as JSON"),
        (5, f"something about {SECRET}"),
    )
    failure = append_errors.classify_reply(rejection(3, rows=rows), COLUMNS, 6)
    assert failure is not None
    assert failure.kind is Kind.ROWS
    assert {index: str(reason) for index, reason in failure.rows.items()} == {
        0: "column amount: the value is out of range",
        3: "column email_hmac: a required value is missing",
        4: "column event_id: the value does not fit the column's type",
        5: "column unknown: rejected by the table",
    }
    assert [reason.column for reason in failure.rows.values()] == ["amount", "email_hmac", "event_id", None]


def test_row_errors_that_name_no_row_of_the_request_reject_the_whole_request() -> None:
    failure = append_errors.classify_reply(rejection(3, rows=((9, "Field amount: bad"),)), COLUMNS, 2)
    assert failure is not None
    assert failure.kind is Kind.WHOLE


@pytest.mark.parametrize("status", ["PERMISSION_DENIED", "NOT_FOUND", "SCHEMA_MISMATCH_EXTRA_FIELDS"])
def test_a_permanent_rejection_names_the_permission_or_the_command_that_helps(status: str) -> None:
    assert "bigquery.tables." in append_errors.classify(status).reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.ServiceUnavailable(SECRET), Kind.TRANSIENT),
        (exceptions.TooManyRequests(SECRET), Kind.TRANSIENT),
        (exceptions.GatewayTimeout(SECRET), Kind.TRANSIENT),
        (exceptions.Aborted(SECRET), Kind.TRANSIENT),
        (exceptions.PermissionDenied(SECRET), Kind.PERMANENT),
        (exceptions.NotFound(SECRET), Kind.PERMANENT),
        (TimeoutError(SECRET), Kind.TRANSIENT),
        (ConnectionResetError(SECRET), Kind.TRANSIENT),
    ],
    ids=lambda value: getattr(value, "__class__", type(value)).__name__,
)
def test_an_exception_of_a_call_has_one_meaning(error: Exception, kind: Kind) -> None:
    failure = append_errors.classify_exception(error)
    assert failure.kind is kind
    assert SECRET not in repr(failure)


def test_a_closed_connection_never_confirms_rows() -> None:
    """409 closes an idle connection: taken for ALREADY_EXISTS of our rows, it would lose them."""
    assert append_errors.classify_connection(exceptions.AlreadyExists("idle")).kind is Kind.TRANSIENT


def test_the_default_stream_has_no_offsets_to_believe() -> None:
    read = append_errors.on_default_stream
    assert read(append_errors.classify("ALREADY_EXISTS")).kind is Kind.TRANSIENT
    assert read(append_errors.classify("NOT_FOUND", "STREAM_NOT_FOUND")).kind is Kind.TRANSIENT
    assert read(append_errors.classify("OUT_OF_RANGE")).kind is Kind.PERMANENT
