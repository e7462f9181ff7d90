"""Stand-ins for the payment, inventory and order services: HTTP servers that act once per Idempotency-Key."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fails = Callable[[str, int], int | None]
"""Takes the step and how often it was called; returns the status of a failure, None: success, -1: no answer at all."""


class OrderServices:
    """The three services on one port. `calls` are all requests, `effects` the steps that were executed, in order."""

    def __init__(self, fails: Fails = lambda step, calls: None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.effects: list[tuple[str, str, dict[str, Any]]] = []
        self._done: set[str] = set()
        self._fails, self._lock = fails, threading.Lock()

    def addresses(self, port: int) -> dict[str, str]:
        """Return the address of each step."""
        return {step: f"http://127.0.0.1:{port}/{step}" for step in ("refund", "release", "cancel")}

    def handle(self, step: str, key: str, body: dict[str, Any]) -> int:
        """Execute a step unless its key was executed; return the status of the answer."""
        with self._lock:
            self.calls.append((step, key))
            failure = self._fails(step, sum(called == step for called, _ in self.calls))
            if failure is not None and failure != -1:
                return failure
            if key not in self._done:
                self._done.add(key)
                self.effects.append((step, body["orderId"], body["step"]))
            return -1 if failure == -1 else 201


@contextmanager
def running_services(services: OrderServices) -> Iterator[dict[str, str]]:
    """Serve and yield the addresses by step."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = services.handle(self.path.strip("/"), self.headers["Idempotency-Key"], body)
            if status == -1:
                self.close_connection = True  # the step was executed and the answer is lost
                return
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield services.addresses(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
