"""The options of the command `api-key`."""

import argparse

from services.api.auth.principal import DESCRIPTIONS, Scope

HELP = (
    "Make an API key: the key goes to its owner, the printed entry with its hash into the file of `serve --api_keys`."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--name", required=True, help="name of the caller")
    parser.add_argument(
        "--scopes", nargs="+", required=True, choices=[str(scope) for scope in Scope], metavar="SCOPE",
        help="; ".join(f"{scope}: {text}" for scope, text in DESCRIPTIONS.items()),
    )  # fmt: skip
    parser.add_argument("--customer_id", metavar="ID", help="limit the caller to the records of this customer")
