"""`python -m pipelines.bigquery_emulator --database FILE`: the emulator as the child of another process."""

from __future__ import annotations

import argparse
import sys

from pipelines.bigquery_emulator.serve import (
    OptionError,
    add_arguments,
    announce_addresses,
    end_with_standard_input,
    serve,
)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 when an option cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.bigquery_emulator", description=__doc__)
    add_arguments(parser)
    parser.add_argument(
        "--until_eof", action="store_true", help="end when standard input ends, with the parent process"
    )
    args = parser.parse_args(argv)
    try:
        serve(args, announce_addresses, end_with_standard_input() if args.until_eof else None)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
