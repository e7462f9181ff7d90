"""The options of the command `schema`."""

import argparse

from schemas.registry import REGISTRY

HELP = "Print the contract of an event type: JSON Schema of the event, an example, or its table in Avro or BigQuery."
FORMATS = ("jsonschema", "avro", "bigquery", "example")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    names = ", ".join(event_type.name for event_type in REGISTRY)
    parser.add_argument("event_type", metavar="EVENT_TYPE", help=f"one of {names}")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="jsonschema",
        help="jsonschema: the event; example: an event; avro, bigquery: the rows of its typed table",
    )
