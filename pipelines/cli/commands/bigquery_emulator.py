"""The command `bigquery-emulator`: serve BigQuery's APIs over a DuckDB file, for tests and local work."""

import argparse

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.serve import EmulatorOptions, OptionError, serve
from pipelines.errors import UserError
from pipelines.read_options import read_options


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        serve(read_options(EmulatorOptions, vars(args)), _print_addresses)
    except OptionError as error:
        raise UserError(str(error)) from None
    return 0


def _print_addresses(rest_url: str, grpc_target: str) -> None:
    """Print what a client needs: the variable that Google's REST clients read, and the gRPC target."""
    print("BigQuery emulator is ready; Ctrl-C ends it. Whoever has these lines has the data:")
    print(f"export BIGQUERY_EMULATOR_HOST={rest_url}")
    print(
        f"gRPC {split_token(grpc_target)[0]} (Storage Read and Write, metadata `authorization: Bearer TOKEN`)",
        flush=True,
    )
