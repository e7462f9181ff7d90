"""Connections to PostgreSQL: by libpq with TLS, or to Cloud SQL by IAM through Google's connector."""

import threading
from typing import TYPE_CHECKING, Any

import psycopg

from schemas.read_model.address import ReadModelAddress

if TYPE_CHECKING:
    from google.cloud.sql.connector import Connector

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
"""How long a writer's statement may take, seconds."""
LOCK_SECONDS = 30
APPLICATION = "event-pipelines"
MISSING_CONNECTOR = "cloud_sql needs the package cloud-sql-python-connector: pip install 'event-pipelines[cloud-sql]'"

_connector: "Connector | None" = None
_LOCK = threading.Lock()


def session_options(statement_seconds: float, lock_seconds: float) -> str:
    """Return libpq's `options`: times in UTC, no statement and no wait for a lock without an end."""
    settings = {
        "timezone": "UTC",
        "statement_timeout": f"{round(statement_seconds * 1000)}",
        "lock_timeout": f"{round(lock_seconds * 1000)}",
        "idle_in_transaction_session_timeout": "60000",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def connect(
    address: ReadModelAddress,
    *,
    statement_seconds: float = STATEMENT_SECONDS,
    lock_seconds: float = LOCK_SECONDS,
    autocommit: bool = True,
) -> "psycopg.Connection[Any]":
    """Return a new connection.

    Raises:
        psycopg.Error: the server is not reached or rejects the user; its text may name the user, never the password.
        RuntimeError: the address needs Google's connector, which is not installed.
    """
    options = session_options(statement_seconds, lock_seconds)
    if not address.cloud_sql:
        return psycopg.connect(
            address.conninfo,
            autocommit=autocommit,
            application_name=APPLICATION,
            connect_timeout=CONNECT_SECONDS,
            options=options,
        )
    connection = _cloud_sql_connector().connect(
        address.cloud_sql,
        "psycopg",
        user=address.user,
        db=address.database,
        enable_iam_auth=True,
        ip_type=address.ip_type,
        timeout=CONNECT_SECONDS,
        application_name=APPLICATION,
        options=options,
    )
    connection.autocommit = autocommit
    return connection  # type: ignore[no-any-return]


def _cloud_sql_connector() -> "Connector":
    """Return this process's connector: it renews certificates and tokens in the background, once for all connections."""
    global _connector
    with _LOCK:
        if _connector is None:
            try:
                from google.cloud.sql.connector import Connector
            except ImportError:
                raise RuntimeError(MISSING_CONNECTOR) from None
            _connector = Connector(refresh_strategy="LAZY")
        return _connector
