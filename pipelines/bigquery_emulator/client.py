"""Google's own clients for an emulator's address: they send its token, look for no credentials and use no proxy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.oauth2.credentials import Credentials

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import Address, read_address

if TYPE_CHECKING:
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024


class _Client(bigquery.Client):
    """A client whose to_dataframe and to_arrow read from the same emulator, by REST when its gRPC target is not known."""

    grpc_target: str | None = None

    def _ensure_bqstorage_client(self, bqstorage_client: Any = None, **kwargs: Any) -> Any:
        if bqstorage_client is not None or self.grpc_target is None:
            return bqstorage_client
        return read_client(self.grpc_target)  # a new one each time: the caller closes it


def bigquery_client(rest_url: str, project: str = "local", grpc_target: str | None = None) -> bigquery.Client:
    """Return a REST client for the emulator at a URL that carries its token.

    With `grpc_target`, to_dataframe and to_arrow use the Storage Read API. Proxy variables of the environment are ignored:
    a proxy cannot reach the loopback interface of this machine.
    """
    url, token = split_token(rest_url)
    credentials = Credentials(token) if token else AnonymousCredentials()
    session = AuthorizedSession(credentials)
    session.trust_env = False
    client = _Client(
        project=project, credentials=credentials, _http=session, client_options=ClientOptions(api_endpoint=url)
    )
    client.grpc_target = grpc_target
    return client


def read_client(grpc_target: str) -> BigQueryReadClient:
    """Return a client of the Storage Read API."""
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient  # half a second that most clients do without
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=grpc_channel(grpc_target)))


def grpc_channel(grpc_target: str, options: list[tuple[str, Any]] | None = None) -> grpc.Channel:
    """Return a channel to the emulator at a `host:port` that carries its token; proxy variables are ignored."""
    target, token = split_token(grpc_target)
    limits = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ]
    channel = grpc.insecure_channel(target, options=[*limits, *(options or [])])
    return grpc.intercept_channel(channel, _SendToken(token)) if token else channel


class _CallDetails(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _SendToken(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Add the token to the metadata of every call."""

    def __init__(self, token: str) -> None:
        self._metadata = ("authorization", f"Bearer {token}")

    def _send(self, continuation: Any, details: Any, request: Any) -> Any:
        metadata = [*(details.metadata or ()), self._metadata]
        return continuation(
            _CallDetails(
                details.method,
                details.timeout,
                metadata,
                details.credentials,
                details.wait_for_ready,
                details.compression,
            ),
            request,
        )

    intercept_unary_unary = intercept_unary_stream = intercept_stream_stream = _send


def connect(folder: Path) -> Address | None:
    """Return the address of the emulator that holds the warehouse in a folder; None without a live one."""
    return read_address(folder)
