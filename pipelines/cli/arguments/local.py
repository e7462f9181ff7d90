"""The options of the command `local`."""

import argparse

from pipelines.options import add_job_arguments, add_read_model_argument, positive, run_name
from pipelines.runners.names import RUNNERS
from schemas.message import FORMS as FORMATS

HELP = "Run the batch pipeline on files on this machine: the same graph as on Dataflow, with files as the source."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `local`."""
    parser.add_argument(
        "--input",
        nargs="+",
        required=True,
        metavar="DIR|FILE",
        help="files, folders or pipes to read; -: standard input",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for warehouse, lake, report and summary")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--overwrite", action="store_true", help="replace the result of an earlier run in --output")
    again.add_argument(
        "--append", action="store_true", help="add to the results of earlier runs; views count each event once"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="auto",
        help="format of the input's values (default: %(default)s, detected per value)",
    )
    parser.add_argument(
        "--as_of", metavar="T", help="publish time of plain events, RFC 3339 (default: the run's start)"
    )
    parser.add_argument(
        "--run_id", type=run_name, help="name of the run in every row (default: its start and six random digits)"
    )
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--direct_num_workers", type=positive, default=1, help="number of worker processes")
    parser.add_argument("--faults", metavar="FILE", help="fault script for the BigQuery emulator (docs/faults.md)")
    add_job_arguments(parser)
    add_read_model_argument(parser)
