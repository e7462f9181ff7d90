"""Errors of the BigQuery emulator, in the two forms Google's clients read: REST error JSON and google.rpc.Status.

One exception class a protocol. Whatever else is raised inside the server is a bug and answers 500 or INTERNAL.
"""

from __future__ import annotations

from typing import Any

import duckdb

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


class ApiError(Exception):
    """A REST call refused: BigQuery's `reason`, its HTTP status, and a message."""

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
    """A Storage Write call refused: a gRPC code number, and the StorageError code where BigQuery gives one.

    `closes` says whether BigQuery ends the append connection with it, or answers in the stream and reads on.
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


def of_duckdb(error: duckdb.Error) -> ApiError:
    """Return DuckDB's refusal of a statement as BigQuery's: an absent table is notFound, all else invalidQuery."""
    absent = isinstance(error, duckdb.CatalogException) and " does not exist" in str(error)
    kinds = ("Table with name", "Table Function with name", "Schema with name", "View with name")
    if absent and any(kind in str(error) for kind in kinds):
        return ApiError("notFound", f"Not found: {error}")
    return ApiError("invalidQuery", str(error))


def not_found(kind: str, name: str) -> ApiError:
    """Return BigQuery's 404 for a dataset, table, routine or job."""
    return ApiError("notFound", f"Not found: {kind} {name}")


def already_exists(kind: str, name: str) -> ApiError:
    """Return BigQuery's 409 for a dataset, table, routine or job."""
    return ApiError("duplicate", f"Already Exists: {kind} {name}")
