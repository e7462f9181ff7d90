"""How a command line is read: a mistake is one line that names the option, the value, and what was perhaps meant."""

import argparse
import itertools
import re
import sys
from typing import Any, NoReturn

from pipelines.suggest import did_you_mean
from pipelines.terminal_text import escape

LINE_END = "\n"

_PASSWORD = re.compile(r"(://[^/\s:@]*):[^\s/]*@")
"""The password in a URL: an option that is misspelt is printed with its value."""


class Parser(argparse.ArgumentParser):
    """Exits with 2 after a user's mistake, and shows defaults and units in its help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, "allow_abbrev": False, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the options and no rest: a word that nothing takes is answered with the options that are near it."""
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is None:  # before argparse complains of a required option that is only misspelt
            self._reject_unknown(words)
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self._reject_unknown(unknown)
            self.error(f"{unknown[0]}: unexpected argument")
        return found, unknown

    def _reject_unknown(self, words: list[str]) -> None:
        known = [option for action in self._actions for option in action.option_strings]
        mine = list(itertools.takewhile(lambda word: word != "--", words))
        for word, value in itertools.zip_longest(mine, mine[1:], fillvalue=""):
            name = word.partition("=")[0]
            if name.startswith("--") and name not in known:
                given = word if value.startswith("-") else f"{word} {value}".rstrip()
                self.error(f"{given}: there is no option {name}{did_you_mean(name, known)}")

    def _get_value(self, action: argparse.Action, text: str) -> Any:
        try:
            return super()._get_value(action, text)
        except argparse.ArgumentError as error:
            if error.message.startswith("invalid "):  # argparse's own words name a Python type
                raise argparse.ArgumentError(action, f"{text} is not a number") from None
            raise

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            hint = did_you_mean(str(value), known) or f"; it takes {', '.join(known)}"
            raise argparse.ArgumentError(action, f"{value} is unknown{hint}")

    def error(self, message: str) -> NoReturn:
        """Print the mistake and where help is; end with exit code 2."""
        message = _PASSWORD.sub(r"\1:***@", message)
        self.exit(
            2, f"{self.prog}: {escape(message.removeprefix('argument '), keep=LINE_END)}\nTry '{self.prog} --help'.\n"
        )


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but not those that say nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, [], argparse.SUPPRESS) or action.required:
            return action.help
        if isinstance(action.default, (list, tuple)):
            return f"{action.help} (default: {' '.join(str(item) for item in action.default)})".replace("%", "%%")
        return super()._get_help_string(action)

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return "N" if action.type is not None else action.dest.rsplit("_", 1)[-1].upper()
