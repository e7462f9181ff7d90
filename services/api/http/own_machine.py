"""Protect a service without authentication from web pages: a browser of the same machine is the way in for them.

A page can have its own name resolve to a loopback address (DNS rebinding); then it sends that name as the host. A page of
another origin can send events without reading the answer; then the browser names the origin.
"""

from typing import Any

from services.api.http.problems import problem_response
from services.api.options import LOOPBACK


def is_own_host(host: str) -> bool:
    """Return whether the value of a header `Host` names this machine, with any port."""
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower() in LOOPBACK


class OwnMachineOnly:
    """ASGI middleware: rejects requests to another host name and requests that a web page caused with 403."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
            hosts = [value for name, value in headers if name == b"host"]
            if len(hosts) != 1 or not is_own_host(hosts[0]):
                response = problem_response(
                    403, "without authentication the host must be a loopback address or localhost"
                )
                await response(scope, receive, send)
                return
            if any(name == b"origin" for name, _ in headers):
                response = problem_response(403, "without authentication no request of a web page is answered")
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
