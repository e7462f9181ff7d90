"""The options of the command `explain`."""

import argparse

HELP = "Explain an error code, with a message that causes it and how to fix it, or the rule of a field by its path."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "code",
        metavar="CODE",
        nargs="?",
        help="an error code, a note, or the path of a field such as data.items[0].quantity; default: list all codes",
    )
