"""Google's clients of a local BigQuery emulator, made on the worker.

An emulator's address carries its token as a URL carries a password: `http://emulator:TOKEN@127.0.0.1:9050`, and for
gRPC `emulator:TOKEN@127.0.0.1:9060`. The clients send the token and ignore proxy variables: no proxy reaches the loopback
interface of this machine. Clients of Google's own addresses are not made here and follow the environment.
"""

from typing import Any, NamedTuple

import grpc
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.oauth2.credentials import Credentials


def rest_client(project: str, address: str) -> bigquery.Client:
    """Return a REST client of the emulator at an address."""
    url, token = split_token(address)
    credentials = Credentials(token) if token else AnonymousCredentials()
    session = AuthorizedSession(credentials)
    session.trust_env = False
    return bigquery.Client(
        project=project, credentials=credentials, _http=session, client_options={"api_endpoint": url}
    )


def channel(address: str, options: list[tuple[str, Any]]) -> grpc.Channel:
    """Return a gRPC channel to the emulator at an address."""
    target, token = split_token(address)
    opened = grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0), *options])
    return grpc.intercept_channel(opened, _SendToken(token)) if token else opened


def split_token(address: str) -> tuple[str, str]:
    """Return the address without its credentials, and the token; an empty token when there is none."""
    scheme, separator, rest = address.rpartition("://")
    credentials, _, host = rest.rpartition("@")
    return f"{scheme}{separator}{host}", credentials.partition(":")[2]


class _CallDetails(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _SendToken(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Add the token to the metadata of every call."""

    def __init__(self, token: str) -> None:
        self._entry = ("authorization", f"Bearer {token}")

    def _send(self, continuation: Any, details: Any, request: Any) -> Any:
        metadata = [*(details.metadata or ()), self._entry]
        return continuation(_CallDetails(**{**_fields(details), "metadata": metadata}), request)

    intercept_unary_unary = intercept_stream_stream = _send


def _fields(details: Any) -> dict[str, Any]:
    return {name: getattr(details, name, None) for name in _CallDetails._fields}
