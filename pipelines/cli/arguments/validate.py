"""The options of the command `validate`."""

import argparse

from schemas.message import FORMS as FORMATS
from schemas.message import TOPICS

REPORTS = ("text", "json", "github", "sarif", "junit")
HELP = "Validate messages against the contract before they are sent; exit code 1 if any would be a dead letter."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "file",
        nargs="+",
        metavar="FILE",
        help="messages or plain events: lines, a JSON array, events over several lines, Avro; also .gz and .bz2; - reads "
        "standard input",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="auto",
        help="format of the file's values (default: %(default)s, detected per value)",
    )
    parser.add_argument("--topic", choices=TOPICS, help="topic of plain events (default: the topic of their eventType)")
    parser.add_argument("--as_of", metavar="T", help="publish time of plain events, RFC 3339 (default: now)")
    parser.add_argument("--accept_cloudevents", action="store_true", help="also accept CloudEvents 1.0")
    parser.add_argument(
        "--all",
        action="store_true",
        help="report all faults of a message, each with its rule, the JSON type found and the position of a syntax error "
        "(default: the first fault)",
    )
    parser.add_argument(
        "--report",
        choices=REPORTS,
        default=REPORTS[0],
        help="text; json: one object per message; github: annotations; sarif; junit",
    )
    parser.add_argument("--json", dest="report", action="store_const", const="json", help="same as --report json")
    parser.add_argument("--quiet", action="store_true", help="print dead letters only")
