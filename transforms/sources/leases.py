"""The leases of pulled messages: extended while a bundle works, ended by an acknowledgement or given back."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

EXTEND_AFTER_SECONDS = 4.0
"""Less than half of the shortest acknowledgement deadline that a subscription can have, 10 s."""
EXTEND_BY_SECONDS = 60
EXTEND_EVERY_SECONDS = 20.0
MAX_LEASE_SECONDS = 600.0
"""After this a bundle counts as lost: its messages are left to be delivered again."""
ACK_ATTEMPTS = 4
CALL_SECONDS = 10.0
CALL_IDS = 1000
_LOG = logging.getLogger(__name__)


class _Lease:
    __slots__ = ("extend_at", "taken")

    def __init__(self, now: float) -> None:
        self.taken, self.extend_at = now, now + EXTEND_AFTER_SECONDS


class Leases:
    """Deliveries of one subscription that this process holds; safe to use from several threads.

    Args:
        client: a subscriber client.
        path: `projects/P/subscriptions/S`.
    """

    def __init__(self, client: Any, path: str) -> None:
        self._client, self._path = client, path
        self._lock = threading.Lock()
        self._held: dict[str, _Lease] = {}

    def __len__(self) -> int:
        """Return how many deliveries are held."""
        return len(self._held)

    def add(self, ack_ids: Iterable[str]) -> None:
        """Hold deliveries that were pulled now."""
        now = time.monotonic()
        with self._lock:
            self._held.update((ack_id, _Lease(now)) for ack_id in ack_ids)

    def acknowledge(self, ack_ids: list[str]) -> None:
        """Acknowledge deliveries; what fails repeatedly is delivered again."""
        for part in _parts(ack_ids):
            for attempt in range(ACK_ATTEMPTS):
                try:
                    self._client.acknowledge(subscription=self._path, ack_ids=part, retry=None, timeout=CALL_SECONDS)
                    break
                except (GoogleAPICallError, GoogleAuthError) as error:
                    _LOG.warning("%s: acknowledge: %s", self._path, type(error).__name__)
                    time.sleep(0.1 * 2**attempt)
        self._forget(ack_ids)

    def release(self, ack_ids: list[str]) -> None:
        """Give deliveries back, so that the service delivers them to others at once."""
        try:
            self._modify(ack_ids, 0)
        except (GoogleAPICallError, GoogleAuthError) as error:  # they are delivered again after their deadline
            _LOG.warning("%s: give back: %s", self._path, type(error).__name__)
        self._forget(ack_ids)

    def extend(self) -> None:
        """Extend the leases that are due; give up those that are held too long."""
        now = time.monotonic()
        due = []
        with self._lock:
            for ack_id in [key for key, lease in self._held.items() if now - lease.taken > MAX_LEASE_SECONDS]:
                del self._held[ack_id]
            for ack_id, lease in self._held.items():
                if lease.extend_at <= now:
                    lease.extend_at = now + EXTEND_EVERY_SECONDS
                    due.append(ack_id)
        self._modify(due, EXTEND_BY_SECONDS)

    def _forget(self, ack_ids: list[str]) -> None:
        with self._lock:
            for ack_id in ack_ids:
                self._held.pop(ack_id, None)

    def _modify(self, ack_ids: list[str], seconds: int) -> None:
        for part in _parts(ack_ids):
            self._client.modify_ack_deadline(
                subscription=self._path,
                ack_ids=part,
                ack_deadline_seconds=seconds,
                retry=None,
                timeout=CALL_SECONDS,
            )


def _parts(ack_ids: list[str]) -> Iterable[list[str]]:
    return (ack_ids[start : start + CALL_IDS] for start in range(0, len(ack_ids), CALL_IDS))
