"""Define the emulator's errors in the two forms that Google's clients read: REST error JSON and google.rpc.Status.

One exception class per protocol. Any other exception in the server is a bug and is answered with 500 or INTERNAL.
"""

from __future__ import annotations

import re
from typing import Any

import duckdb

from pipelines.bigquery_emulator.status_codes import FAILED_PRECONDITION, INTERNAL

HTTP_STATUS = {
    "invalid": 400,
    "invalidQuery": 400,
    "resourceInUse": 400,
    "accessDenied": 403,
    "rateLimitExceeded": 403,
    "quotaExceeded": 403,
    "notFound": 404,
    "duplicate": 409,
    "conditionNotMet": 412,
    "internalError": 500,
    "notImplemented": 501,
    "backendError": 503,
}
REASON_OF_STATUS = {
    400: "invalid",
    401: "authError",
    403: "rateLimitExceeded",
    404: "notFound",
    409: "duplicate",
    412: "conditionNotMet",
    413: "requestTooLarge",
    429: "rateLimitExceeded",
    500: "internalError",
    501: "notImplemented",
    502: "backendError",
    503: "backendError",
    504: "backendError",
}

_DISK_TEXT = re.compile(r"Could not write|Could not sync|No space left|File too large|Disk quota|Read-only file system")


class ApiError(Exception):
    """A rejected REST call: BigQuery's `reason`, the HTTP status and a message."""

    def __init__(self, reason: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.status = status if status is not None else HTTP_STATUS.get(reason, 400)

    def item(self) -> dict[str, str]:
        """Return the error as one item of `errors`."""
        return {"reason": self.reason, "message": self.message, "domain": "global"}

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the reply."""
        return {"error": {"code": self.status, "message": self.message, "errors": [self.item()]}}


class WriteError(Exception):
    """A rejected Storage Write call: a gRPC code number, and the StorageError code if BigQuery gives one.

    `closes` is True when BigQuery closes the append connection, False when it answers and reads the next request.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        storage_code: int = 0,
        entity: str = "",
        row_errors: list[tuple[int, str]] | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.storage_code = storage_code
        self.entity = entity
        self.row_errors = row_errors or []
        self.closes = closes


def from_duckdb(error: duckdb.Error) -> ApiError:
    """Return BigQuery's error for an error of DuckDB: notFound for a missing table, else invalidQuery."""
    absent = isinstance(error, duckdb.CatalogException) and " does not exist" in str(error)
    kinds = ("Table with name", "Table Function with name", "Schema with name", "View with name")
    if absent and any(kind in str(error) for kind in kinds):
        return ApiError("notFound", f"Not found: {error}")
    return ApiError("invalidQuery", str(error))


def disk_status(error: duckdb.Error) -> int:
    """Return the gRPC code for an error of the warehouse: FAILED_PRECONDITION if the disk failed, else INTERNAL.

    A full disk does not recover by itself, so clients must not retry. After it DuckDB invalidates the database. A commit that
    cannot be written is a TransactionException, so the text decides there.
    """
    disk = isinstance(error, (duckdb.IOException, duckdb.FatalException)) or _DISK_TEXT.search(str(error))
    return FAILED_PRECONDITION if disk else INTERNAL


def not_found(kind: str, name: str) -> ApiError:
    """Return BigQuery's 404 for a dataset, table, routine or job."""
    return ApiError("notFound", f"Not found: {kind} {name}")


def already_exists(kind: str, name: str) -> ApiError:
    """Return BigQuery's 409 for a dataset, table, routine or job."""
    return ApiError("duplicate", f"Already Exists: {kind} {name}")
