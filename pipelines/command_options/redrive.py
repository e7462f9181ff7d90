"""The options of `redrive` and of the redrive template."""

import argparse

from pipelines.command_options.replay import add_run_arguments
from pipelines.command_options.target import add_target_arguments
from pipelines.options import add_job_arguments, positive
from schemas.message import TOPICS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `redrive`."""
    add_target_arguments(parser)
    parser.add_argument("--codes", nargs="+", default=[], metavar="CODE", help="only these codes")
    parser.add_argument("--from", dest="start", metavar="T", help="only messages published at or after T, RFC 3339")
    parser.add_argument("--to", dest="end", metavar="T", help="only messages published before T, RFC 3339")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument(
        "--rules", metavar="FILE", help="YAML rules that repair messages (default: send them unchanged)"
    )
    parser.add_argument("--check", metavar="FILE", help="run the tests of a rules file and stop")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--direct", action="store_true", help="send through the batch pipeline into the stores (the default)"
    )
    how.add_argument("--to_topics", action="store_true", help="publish to the Pub/Sub topics <topic>-topic")
    parser.add_argument("--pubsub_project", metavar="P", help="project of the topics (default: --project)")
    parser.add_argument(
        "--dry_run", action="store_true", help="print counts by rule and masked examples, and stop; nothing is written"
    )
    parser.add_argument("--max_attempts", type=positive, default=3, help="give up a message after this many redrives")
    parser.add_argument(
        "--limit", type=int, default=0, metavar="N", help="send or give up at most N dead letters; 0: all"
    )
    add_run_arguments(parser)
    add_job_arguments(parser)
