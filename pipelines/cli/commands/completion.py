"""The command `completion`: generate a shell script that completes commands, options and values, with shtab.

The script is static: completion starts no Python, which would import Beam first. Regenerate it after an upgrade.
"""

import argparse

import shtab

from schemas.outcomes import Code, Note
from schemas.registry import REGISTRY
from schemas.views import all_views

VALUES = {
    "EVENT_TYPE": [event_type.name for event_type in REGISTRY],
    "CODE": [*Code.__members__, *Note.__members__],
    "VIEW": sorted({view.name for view in all_views()}),
}
FILES = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY, "DIR|FILE": shtab.FILE}
"""Metavars of options, and the completion that the shell offers for each."""


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from pipelines.cli.main import COMMANDS, build_parser

    print(script(build_parser(COMMANDS), args.shell))
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of a parser and of the commands in it."""
    _mark_values(parser)
    text: str = shtab.complete(parser, shell=shell)
    return text


def _mark_values(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                _mark_values(sub)
        elif action.metavar in VALUES and action.choices is None:
            action.choices = VALUES[str(action.metavar)]
        elif action.metavar in FILES:
            action.complete = FILES[str(action.metavar)]  # type: ignore[attr-defined]
