"""A fault script at work: it counts the calls, and says what befalls each; the same on every run.

Each fault counts the calls it watches by itself, and draws from its own seeded generator, so one fault more in a script
does not move the others.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from pipelines.bigquery_emulator.faults.script import GRPC_CODES, Fault, FaultScript, RowErrors

_HTTP_OF_GRPC = {
    1: 499,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    14: 503,
    16: 401,
}
_GRPC_OF_HTTP = {
    400: 3,
    401: 16,
    403: 7,
    404: 5,
    409: 6,
    412: 9,
    413: 3,
    429: 8,
    499: 1,
    501: 12,
    502: 14,
    503: 14,
    504: 4,
}


@dataclass
class Strike:
    """What happens at one call: the sum of the faults that strike."""

    status: str | int | None = None
    delay_seconds: float = 0.0
    reply_lost: bool = False
    close_stream: bool = False
    row_errors: list[RowErrors] = field(default_factory=list)
    reject_requests: list[RowErrors] = field(default_factory=list)

    def grpc_code(self) -> int:
        """Return the status as a gRPC code number."""
        if isinstance(self.status, int):
            return _GRPC_OF_HTTP.get(self.status, 13)
        return GRPC_CODES[self.status or "UNAVAILABLE"]

    def http_status(self) -> int:
        """Return the status as an HTTP status."""
        if isinstance(self.status, int):
            return self.status
        return _HTTP_OF_GRPC.get(GRPC_CODES[self.status or "UNAVAILABLE"], 500)


@dataclass
class _Watched:
    fault: Fault
    generator: random.Random
    calls: int = 0


class Faults:
    """The faults of a script, with their counters and generators; no script, no faults."""

    def __init__(self, script: FaultScript | None) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._watched = [_Watched(fault, random.Random(fault.seed)) for fault in script.faults] if script else []

    def wait(self, strike: Strike) -> None:
        """Wait as long as the strike says, or until the server closes."""
        if strike.delay_seconds:
            self._ended.wait(strike.delay_seconds)

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._ended.set()

    def strike(self, points: tuple[str, ...], table: str | None = None) -> Strike | None:
        """Count a call at any of these points, and return what befalls it (None: nothing)."""
        if not self._watched:
            return None
        struck = []
        with self._lock:
            for watched in self._watched:
                fault = watched.fault
                at_point = fault.on == "any" or fault.on in points
                if not at_point or fault.table not in (None, table):
                    continue
                watched.calls += 1
                if fault.at(watched.calls, watched.generator.random()):
                    struck.append(fault)
        if not struck:
            return None
        return Strike(
            status=next((fault.status for fault in struck if fault.status is not None), None),
            delay_seconds=sum(fault.delay_seconds for fault in struck),
            reply_lost=any(fault.reply_lost for fault in struck),
            close_stream=any(fault.close_stream for fault in struck),
            row_errors=[fault.row_errors for fault in struck if fault.row_errors],
            reject_requests=[fault.reject_request for fault in struck if fault.reject_request],
        )
