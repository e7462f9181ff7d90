"""Decide whether a request may be answered, from its head alone: before its body is read or its path is looked up.

The emulator listens on the loopback interface. That keeps other machines out, but neither the other users of this one
nor the pages that its browsers show, so each request must

- name a loopback host in `Host`: a page whose own host name was rebound to 127.0.0.1 sends that name instead;
- carry no `Origin`: browsers add it to what a page sends elsewhere, Google's clients never do;
- carry the token;
- say what it does by its method, not by `X-HTTP-Method-Override`;
- state the length of its body, within a limit.
"""

from __future__ import annotations

from email.message import Message

from pipelines.bigquery_emulator.access_token import authorized
from pipelines.bigquery_emulator.errors import ApiError

MAX_BODY_BYTES = 128 * 1024 * 1024
"""Google's client uploads in chunks of 100 MiB."""
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class RequestGuard:
    """The checks of one server: its token, and the port that `Host` must name."""

    def __init__(self, token: str, port: int) -> None:
        self._token = token
        self._hosts = {f"{host}:{port}" for host in _HOSTS}

    def check(self, target: str, headers: Message) -> int:
        """Return the length of the body in bytes; ApiError when the request is rejected."""
        if headers.get_all("Host", []) == [] or not all(
            host.strip().lower() in self._hosts for host in headers.get_all("Host", [])
        ):
            raise ApiError("accessDenied", "Host is not a loopback name with the port of this server")
        if headers.get("Origin") is not None:
            raise ApiError("accessDenied", "Requests of web pages are rejected")
        if not authorized(headers.get("Authorization"), self._token):
            raise ApiError(
                "authError", "The request does not carry the token of this server (see its address file)", 401
            )
        if headers.get("X-HTTP-Method-Override") is not None:
            raise ApiError("invalid", "X-HTTP-Method-Override is not supported")
        if not target.startswith("/"):
            raise ApiError("invalid", "The request target must be a path")
        return _length(headers)


def _length(headers: Message) -> int:
    if headers.get("Transfer-Encoding") is not None:
        raise ApiError("invalid", "Length Required: chunked bodies are not supported", 411)
    lengths = headers.get_all("Content-Length", ["0"])
    text = lengths[0].strip()
    if len(lengths) != 1 or not (text.isascii() and text.isdigit()):
        raise ApiError("invalid", "Content-Length is not one number")
    if len(text) > 18 or int(text) > MAX_BODY_BYTES:
        raise ApiError("requestTooLarge", f"The body is over the limit of {MAX_BODY_BYTES} bytes", 413)
    return int(text)
