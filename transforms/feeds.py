"""The feeds that every run writes. A new feed is one encoder and one line here; batch, live runs and replays follow."""

from transforms.feed import Feed
from transforms.telemetry import TELEMETRY

FEEDS: tuple[Feed, ...] = (TELEMETRY,)
