"""The options of every command: how failures and notes are printed. They may stand before or behind the command."""

import argparse
from dataclasses import dataclass

LOG_FORMATS = ("text", "json")


@dataclass(frozen=True)
class GlobalOptions:
    """How a command reports on standard error.

    Args:
        verbose: print the traceback of a failure.
        log_format: text, or json: one JSON object per line.
    """

    verbose: bool = False
    log_format: str = "text"


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Show the options in a command's help; `take_global_options` reads them."""
    group = parser.add_argument_group("options of every command")
    group.add_argument(
        "--verbose",
        action="store_true",
        help="print the traceback of a failure; texts that may quote data are left out",
    )
    group.add_argument(
        "--log_format",
        choices=LOG_FORMATS,
        default=LOG_FORMATS[0],
        help="standard error as lines of text, or as one JSON object per line",
    )


def take_global_options(words: list[str]) -> tuple[GlobalOptions, list[str]]:
    """Return the options of every command and the words that are left; a wrong value is left for the parser to reject."""
    taken: dict[str, object] = {}
    left: list[str] = []
    at = 0
    while at < len(words):
        word, value = words[at], words[at + 1] if at + 1 < len(words) else None
        name, equals, inline = word.partition("=")
        if word == "--":
            break
        if word == "--verbose":
            taken["verbose"] = True
        elif name == "--log_format" and (inline if equals else value) in LOG_FORMATS:
            taken["log_format"] = inline if equals else value
            at += 0 if equals else 1
        else:
            left.append(word)
        at += 1
    return GlobalOptions(**taken), left + words[at:]  # type: ignore[arg-type]
