"""A plain loop without Beam: decode, deduplicate by a set of ids, write both rows.

Files are in publish order, and the copies of an event are all in its topic's file: the first seen is the first sent.
"""

from pathlib import Path

from benchmarks.inputs import message_batches
from benchmarks.parquet import ParquetParts
from schemas.decode.decoder import Decoder
from schemas.event import Event
from transforms.gc_pause import collector_paused


def run(source: Path, output: Path) -> None:
    """Run it."""
    decode, parts, seen = Decoder().decode, ParquetParts(output), set[str]()
    for batch in message_batches(source):
        with collector_paused():
            fresh = []
            for message in batch:
                event = decode(message)
                if type(event) is Event and event.event_id not in seen:
                    seen.add(event.event_id)
                    fresh.append(event)
            parts.add_events(fresh)
    parts.close()
