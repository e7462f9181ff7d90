"""Apply a fault script: count the calls and decide which faults apply to each, the same on every run.

Each fault has its own counter and its own seeded generator, so adding a fault does not change when the others apply.
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
class Effect:
    """The combined effect of the faults that apply to one call."""

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
class _CountedFault:
    fault: Fault
    generator: random.Random
    calls: int = 0


class Faults:
    """Hold the faults of a script with their counters and generators; without a script there are none."""

    def __init__(self, script: FaultScript | None) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._counted = [_CountedFault(fault, random.Random(fault.seed)) for fault in script.faults] if script else []

    def wait(self, effect: Effect) -> None:
        """Wait for the delay of an effect, or until the server closes."""
        if effect.delay_seconds:
            self._ended.wait(effect.delay_seconds)

    def end(self) -> None:
        """End all waits."""
        self._ended.set()

    def effect_at(self, points: tuple[str, ...], table: str | None = None) -> Effect | None:
        """Count a call at these points; return the effect on it, or None."""
        if not self._counted:
            return None
        applying = []
        with self._lock:
            for counted in self._counted:
                fault = counted.fault
                at_point = fault.on == "any" or fault.on in points
                if not at_point or fault.table not in (None, table):
                    continue
                counted.calls += 1
                if fault.at(counted.calls, counted.generator.random()):
                    applying.append(fault)
        if not applying:
            return None
        return Effect(
            status=next((fault.status for fault in applying if fault.status is not None), None),
            delay_seconds=sum(fault.delay_seconds for fault in applying),
            reply_lost=any(fault.reply_lost for fault in applying),
            close_stream=any(fault.close_stream for fault in applying),
            row_errors=[fault.row_errors for fault in applying if fault.row_errors],
            reject_requests=[fault.reject_request for fault in applying if fault.reject_request],
        )
