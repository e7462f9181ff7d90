"""How many messages a pull asks for, so that a response stays near a size in bytes.

Pub/Sub takes a number of messages, not of bytes, and the emulator puts whatever fits the number into one response. The
number starts small, doubles while responses are small, and follows the size of the largest recent response.
"""

from dataclasses import dataclass

START_MESSAGES = 8
SHRINK = 16


@dataclass(kw_only=True)
class PullSize:
    """The number of messages to ask for next.

    Args:
        most_messages: upper bound of the number.
        target_bytes: size of a response that the number aims at, bytes.
        messages: the number to ask for next.
    """

    most_messages: int
    target_bytes: int
    messages: int = START_MESSAGES

    def seen(self, messages: int, size: int) -> None:
        """Adapt to a response of so many messages and bytes."""
        fitting = max(1, self.target_bytes * messages // max(1, size))
        self.messages = min(self.most_messages, self.messages * 2, fitting)

    def too_large(self) -> None:
        """Adapt to a response that was too large to be received."""
        self.messages = max(1, self.messages // SHRINK)
