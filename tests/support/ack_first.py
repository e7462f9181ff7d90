"""`stream` with the promise broken: it acknowledges first and archives five seconds later. The kill test must see it."""

import sys
import threading
from typing import Any

from pipelines.cli.main import main
from transforms.sources import pull_pubsub as pubsub


def ack_first(self: Any, finalizer: Any, source: Any, messages: list[Any], ack_ids: list[str]) -> None:
    source.subscription.ack(ack_ids)
    threading.Timer(5.0, source.archive.append, [messages]).start()


pubsub._PullFn._keep = ack_first  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
