"""`python -m pipelines.bigquery_emulator --database FILE`: the emulator as the child of another process."""

from __future__ import annotations

import argparse
import sys

from pipelines.bigquery_emulator.serve import (
    EmulatorOptions,
    OptionError,
    add_arguments,
    announce_addresses,
    serve,
)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 when an option cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.bigquery_emulator",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    try:
        serve(EmulatorOptions(**vars(args)), announce_addresses)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
