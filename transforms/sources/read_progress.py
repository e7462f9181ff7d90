"""How far the readers of this process are: for a person who watches, never for a decision."""

import threading


class _Progress:
    """Bytes and messages read since `reset`; bytes of a range are estimated while it is read and exact at its end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.bytes = 0
            self.messages = 0

    def add(self, size: int, messages: int) -> None:
        with self._lock:
            self.bytes += size
            self.messages += messages


PROGRESS = _Progress()
"""Workers in other processes have their own: with several of them the display shows what this one knows."""
