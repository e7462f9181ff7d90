"""`python -m benchmarks.micro`: cost of decoding one message, by event type and error code, without reading.

The messages are those of the data set, so each group has the sizes and oddities that it has there. Each group is
decoded in rounds, the groups in turn; the quickest round counts, because what disturbs only ever adds.
"""

import argparse
import statistics
import time
from collections import defaultdict

from rich.console import Console
from rich.table import Table

from benchmarks import page
from benchmarks.__main__ import BUILD
from benchmarks.inputs import data_set, message_batches
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message
from schemas.registry import REGISTRY
from transforms.gc_pause import collector_paused

MOST = 5_000
"""Messages of one group: enough for a steady figure."""


def groups(messages: list[Message]) -> dict[str, list[Message]]:
    """Return the messages by outcome: an event type, its edge cases separately, or an error code."""
    found: dict[str, list[Message]] = defaultdict(list)
    decode = Decoder().decode
    for message in messages:
        outcome = decode(message)
        name = outcome.event_type if isinstance(outcome, Event) else outcome.code
        found[f"{name}, with a note" if isinstance(outcome, Event) and outcome.notes else str(name)].append(message)
    order = [event_type.name for event_type in REGISTRY]
    names = sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))
    return {name: found[name][:MOST] for name in names}


def measure(found: dict[str, list[Message]], rounds: int) -> dict[str, float]:
    """Return microseconds per message of each group, the minimum of the rounds."""
    decode, best = Decoder().decode, dict.fromkeys(found, float("inf"))
    for _ in range(rounds):
        for name, messages in found.items():
            with collector_paused():
                began = time.process_time()
                for message in messages:
                    decode(message)
                spent = time.process_time() - began
            best[name] = min(best[name], spent / len(messages) * 1e6)
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.micro", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000, help="size of the data set, messages")
    parser.add_argument("--event_bytes", type=int, default=500, help="average size of an event, bytes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the quickest counts")
    parser.add_argument("--put", metavar="MARK", help=page.HELP)
    args = parser.parse_args()
    source = data_set(args.events, args.event_bytes, BUILD)
    found = groups([message for batch in message_batches(source) for message in batch])
    heads, rows = ("becomes", "messages", "bytes", "CPU µs"), []
    table = Table(title="decoding one message", box=None)
    for head in heads:
        table.add_column(head, justify="left" if head == heads[0] else "right")
    for name, spent in measure(found, args.rounds).items():
        size = statistics.fmean(len(message.data) for message in found[name])
        rows.append((name, f"{len(found[name]):,}", f"{size:,.0f}", f"{spent:.1f}"))
        table.add_row(*rows[-1])
    Console().print(table)
    if args.put:
        page.put(args.put, page.as_table(heads, rows))


if __name__ == "__main__":
    main()
