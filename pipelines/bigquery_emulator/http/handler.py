"""The HTTP side of the loopback BigQuery: one keep-alive handler, a table of routes, BigQuery's error JSON."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb

from pipelines.bigquery_emulator.errors import REASON_OF_STATUS, ApiError, of_duckdb
from pipelines.bigquery_emulator.faults.injector import Faults, Strike
from pipelines.bigquery_emulator.faults.script import RowErrors

_log = logging.getLogger(__name__)
_PREFIX = re.compile(r"^(?:/resumable)?(/upload)?/bigquery/v2/projects/([^/]+)/")


@dataclass
class Call:
    """One REST request, taken apart. `reply_headers` go out with the answer."""

    method: str
    url: str
    project: str
    path: list[str]
    params: dict[str, str]
    headers: Any
    raw: bytes
    upload: bool
    reply_headers: dict[str, str]
    row_errors: list[RowErrors]
    reply_status: int | None = None

    def json(self) -> dict[str, Any]:
        """Return the body as JSON; ApiError invalid when it is none."""
        try:
            value = json.loads(self.raw or b"{}")
        except ValueError as error:
            raise ApiError("invalid", f"Invalid JSON payload received: {error}") from None
        if not isinstance(value, dict):
            raise ApiError("invalid", "Invalid JSON payload received: not an object")
        return value


Route = Callable[[Call], dict[str, Any] | None]


Points = Callable[[Call], tuple[tuple[str, ...], str | None]]


@dataclass(frozen=True)
class Endpoint:
    """A method and a path pattern ({} takes one segment), the fault points of its calls, and what answers."""

    method: str
    pattern: str
    point: str
    answer: Route

    def takes(self, call: Call) -> bool:
        """Say whether the endpoint answers this call."""
        parts = self.pattern.split("/")
        return (
            self.method == call.method
            and (self.point == "upload") == call.upload
            and len(parts) == len(call.path)
            and all(part in ("{}", given) for part, given in zip(parts, call.path, strict=True))
        )


class RestServer(ThreadingHTTPServer):
    """A threading HTTP server on a free port of loopback."""

    daemon_threads = False  # server_close waits for them: none is to hold the warehouse when it closes
    request_queue_size = 128

    def __init__(self, endpoints: list[Endpoint], faults: Faults, points: Points) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoints = endpoints
        self.faults = faults
        self.points = points
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, for a client may keep it open without end."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Hang up on every client and wait for the threads."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RestServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        call = self._call()
        try:
            status, body, lost = self._dispatch(call)
        except ApiError as error:
            status, body, lost = error.status, error.body(), False
        except duckdb.Error as error:
            refused = of_duckdb(error)
            status, body, lost = refused.status, refused.body(), False
        except Exception as error:
            _log.exception("%s %s", call.method, "/".join(call.path))
            failed = ApiError("internalError", f"{type(error).__name__} in the loopback BigQuery")
            status, body, lost = failed.status, failed.body(), False
        if lost:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in call.reply_headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _call(self) -> Call:
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        match = _PREFIX.match(url.path)
        method = self.headers.get("X-HTTP-Method-Override") or self.command
        path = [unquote(part) for part in url.path[match.end() :].split("/")] if match else [url.path]
        params = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        project = unquote(match[2]) if match else ""
        upload = bool(match and match[1])
        return Call(method, self.path, project, path, params, self.headers, raw, upload, {}, [])

    def _dispatch(self, call: Call) -> tuple[int, dict[str, Any] | None, bool]:
        for endpoint in self.server.endpoints:
            if endpoint.takes(call):
                break
        else:
            raise ApiError("notImplemented", f"The loopback BigQuery has no {call.method} {'/'.join(call.path)}")
        points, table = self.server.points(call)
        strike = self.server.faults.strike((f"rest:{endpoint.point}", *points), table)
        if strike is not None:
            self._suffer(strike)
            call.row_errors = strike.row_errors
        body = endpoint.answer(call)
        status = call.reply_status or (204 if body is None else 200)
        return status, body, bool(strike and strike.reply_lost)

    def _suffer(self, strike: Strike) -> None:
        self.server.faults.wait(strike)
        if strike.status is not None and not strike.reply_lost:
            status = strike.http_status()
            raise ApiError(REASON_OF_STATUS.get(status, "backendError"), "Refused by the fault script", status)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer
