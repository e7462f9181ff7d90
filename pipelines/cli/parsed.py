"""What the commands make of parsed options."""

import argparse

from pipelines.command_options.target_options import TargetOptions, make_target
from pipelines.read_options import read_options
from pipelines.stores.target import Target


def target_of(args: argparse.Namespace, *, needs_lake: bool = False) -> Target:
    """Return the target that the options name; UserError if they name none or two, or are incomplete."""
    return make_target(read_options(TargetOptions, vars(args)), needs_lake=needs_lake)
