"""The feeds that every run writes. A new feed is one encoder and one line here; batch, live runs and replays follow."""

from transforms.sinks.files.feed import Feed
from transforms.sinks.files.telemetry import TELEMETRY

FEEDS: tuple[Feed, ...] = (TELEMETRY,)
