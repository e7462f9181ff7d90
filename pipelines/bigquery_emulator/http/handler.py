"""Serve HTTP: a keep-alive handler, a table of endpoints, BigQuery's error JSON."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb

from pipelines.bigquery_emulator.errors import REASON_OF_STATUS, ApiError, from_duckdb
from pipelines.bigquery_emulator.faults.injector import Effect, Faults
from pipelines.bigquery_emulator.faults.script import RowErrors
from pipelines.bigquery_emulator.http.request_guard import MAX_BODY_BYTES, RequestGuard
from pipelines.bigquery_emulator.http.timed_reader import HEAD_SECONDS, IDLE_SECONDS, TimedReader

_log = logging.getLogger(__name__)
_WRITE_SECONDS = 120.0
_MAX_CONNECTIONS = 256
_GZIP = 16 + zlib.MAX_WBITS
_PREFIX = re.compile(r"^(?:/resumable)?(/upload)?/bigquery/v2/projects/([^/]+)/")


@dataclass
class Call:
    """One parsed REST request. `reply_headers` are sent with the answer."""

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
    reject_requests: list[RowErrors]
    reply_status: int | None = None

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; ApiError invalid for anything else."""
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
    """A method and path pattern ({} matches one segment), the fault point of its calls, and the function that answers."""

    method: str
    pattern: str
    point: str
    answer: Route

    def takes(self, call: Call) -> bool:
        """Report whether the endpoint answers this call."""
        parts = self.pattern.split("/")
        return (
            self.method == call.method
            and (self.point == "upload") == call.upload
            and len(parts) == len(call.path)
            and all(part in ("{}", given) for part, given in zip(parts, call.path, strict=True))
        )


class RestServer(ThreadingHTTPServer):
    """A threading HTTP server on the loopback interface; port 0 is a free one."""

    daemon_threads = False  # server_close waits for them, so that none uses the warehouse after it is closed
    request_queue_size = 128

    def __init__(self, endpoints: list[Endpoint], faults: Faults, points: Points, token: str, port: int = 0) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        self.guard = RequestGuard(token, self.server_address[1])
        self.endpoints = endpoints
        self.faults = faults
        self.points = points

    def process_request(self, request: Any, client_address: Any) -> None:
        """Register the connection, so that server_close can end it; close it at once when there are too many."""
        if len(self._connections) >= _MAX_CONNECTIONS:
            self.shutdown_request(request)
            return
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Unregister the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End all connections and wait for their threads."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RestServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self._reader = TimedReader(self.connection)
        self.rfile = self._buffered = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        try:
            if not self._buffered.peek(1):
                self.close_connection = True
                return
            self._reader.allow(HEAD_SECONDS)
            super().handle_one_request()
        except TimeoutError:
            self.close_connection = True
        self._reader.allow(IDLE_SECONDS)

    def _answer(self) -> None:
        self.connection.settimeout(_WRITE_SECONDS)
        try:
            length = self.server.guard.check(self.path, self.headers)
        except ApiError as error:
            self.close_connection = True  # its body, if any, is not read
            self._send(error.status, error.body(), {"Connection": "close"})
            return
        self._reader.allow_body(length)
        raw = self.rfile.read(length)
        if len(raw) < length:
            self.close_connection = True
            return
        self.connection.settimeout(_WRITE_SECONDS)
        reply_headers: dict[str, str] = {}
        lost = False
        try:
            call = self._call(raw, reply_headers)
            status, body, lost = self._dispatch(call)
        except ApiError as error:
            status, body = error.status, error.body()
        except duckdb.Error as error:
            rejected = from_duckdb(error)
            status, body = rejected.status, rejected.body()
        except Exception as error:
            _log.exception("%s %s", self.command, urlsplit(self.path).path)
            failed = ApiError("internalError", f"{type(error).__name__} in the BigQuery emulator")
            status, body = failed.status, failed.body()
        if lost:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(status, body, reply_headers)

    def _send(self, status: int, body: dict[str, Any] | None, headers: dict[str, str]) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _call(self, raw: bytes, reply_headers: dict[str, str]) -> Call:
        url = urlsplit(self.path)
        if self.headers.get("Content-Encoding") == "gzip":
            raw = _inflated(raw)
        match = _PREFIX.match(url.path)
        path = [unquote(part) for part in url.path[match.end() :].split("/")] if match else [url.path]
        params = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        project = unquote(match[2]) if match else ""
        upload = bool(match and match[1])
        return Call(self.command, self.path, project, path, params, self.headers, raw, upload, reply_headers, [], [])

    def _dispatch(self, call: Call) -> tuple[int, dict[str, Any] | None, bool]:
        for endpoint in self.server.endpoints:
            if endpoint.takes(call):
                break
        else:
            raise ApiError(
                "notImplemented", f"The BigQuery emulator does not support {call.method} {'/'.join(call.path)}"
            )
        points, table = self.server.points(call)
        effect = self.server.faults.effect_at((f"rest:{endpoint.point}", *points), table)
        if effect is not None:
            self._apply(effect)
            call.row_errors, call.reject_requests = effect.row_errors, effect.reject_requests
        body = endpoint.answer(call)
        status = call.reply_status or (204 if body is None else 200)
        return status, body, bool(effect and effect.reply_lost)

    def _apply(self, effect: Effect) -> None:
        self.server.faults.wait(effect)
        if effect.status is not None and not effect.reply_lost:
            status = effect.http_status()
            raise ApiError(REASON_OF_STATUS.get(status, "backendError"), "Rejected by the fault script", status)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


def _inflated(data: bytes) -> bytes:
    """Return a gzip body inflated, up to the limit of any body."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        body = inflater.decompress(data, MAX_BODY_BYTES)
    except zlib.error as error:
        raise ApiError("invalid", f"Cannot inflate the body: {error}") from None
    if inflater.unconsumed_tail:
        raise ApiError("requestTooLarge", f"The inflated body is over the limit of {MAX_BODY_BYTES} bytes", 413)
    if not inflater.eof:
        raise ApiError("invalid", "The gzip body ends early")
    return body
