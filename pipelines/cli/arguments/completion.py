"""The options of the command `completion`."""

import argparse

SHELLS = ("bash", "zsh", "fish")
WHERE = {
    "bash": "~/.local/share/bash-completion/completions/event-pipelines",
    "zsh": "a folder of $fpath, as _event-pipelines",
    "fish": "~/.config/fish/completions/event-pipelines.fish",
}
HELP = f"Print a completion script. Shells read it from: {'; '.join(f'{k}: {v}' for k, v in WHERE.items())}."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("shell", choices=SHELLS, help="shell to generate the script for")
