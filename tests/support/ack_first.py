"""`stream` with its order reversed: it acknowledges first and archives five seconds later. The kill test must fail."""

import sys
import threading
from typing import Any

from pipelines.cli.main import main
from transforms.sources import pull_pubsub as pubsub


def ack_first(self: Any, finalizer: Any, topic: Any, messages: list[Any], ack_ids: list[str]) -> None:
    topic.subscription.ack(ack_ids)
    threading.Timer(5.0, topic.archive.append, [messages]).start()


pubsub._PullFn._keep = ack_first  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
