"""The command `api-key`: make a key for the Analytics API; print it once, and the entry with its hash for the service."""

import argparse
import sys

import yaml

from services.api.auth.api_keys import new_key


def run(args: argparse.Namespace) -> int:
    """Print the entry to standard output and the key to standard error: the key belongs into no file of the service."""
    key, digest = new_key()
    entry = {"name": args.name, "hash": digest, "scopes": args.scopes}
    if args.customer_id is not None:
        entry["customer_id"] = args.customer_id
    print(yaml.safe_dump({"keys": [entry]}, sort_keys=False), end="")
    print(f"the key, shown once: {key}", file=sys.stderr)
    return 0
