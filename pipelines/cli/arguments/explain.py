"""The options of the command `explain`."""

import argparse

HELP = "explain an error code, with a message that causes it and how to fix it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("code", metavar="CODE", nargs="?", help="an error code or a note; default: list all")
