"""The command `replay`: process a range of archived messages or stored events again, through the batch pipeline."""

import argparse
import sys

from pipelines.cli.progress import show_progress
from pipelines.command_options.requests import ReplayOptions, replay_request
from pipelines.errors import UserError
from pipelines.lake.recovery import recovered
from pipelines.options import read_key
from pipelines.read_model.apply import ReadModelOfStore
from pipelines.read_options import read_options
from pipelines.replay.run import estimate_replay, job_of, prepare_replay, run_replay
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import open_stores
from pipelines.terminal_text import escape


def run(args: argparse.Namespace) -> int:
    """Replay, and print what was done."""
    request = replay_request(read_options(ReplayOptions, vars(args)), read_key(args.pii_key_file))
    if args.read_model is not None and request.into is not None:
        raise UserError(f"--read_model {args.read_model}: follows the live tables; a shadow changes none of them")
    directory = None if args.dry_run else request.target.directory
    with lock_folder(directory, "replay"), recovered(directory), open_stores(request.target) as endpoints:
        if not args.dry_run:
            prepare_replay(endpoints, request)
        plan = estimate_replay(endpoints, request)
        print(f"{request.mode} of {request.range}: {plan}", file=sys.stderr)
        if args.dry_run:
            return 0
        with show_progress(plan.archive_bytes, plan.messages):
            result = run_replay(endpoints, request, plan, report)
            if args.read_model is not None:
                model = ReadModelOfStore(
                    address=args.read_model,
                    endpoints=endpoints,
                    target=request.target,
                    job=job_of(endpoints, request),
                    runner=request.runner,
                    workers=request.workers,
                )
                report(f"read model {args.read_model}: {model.follow_replay(request.mode, report)}")
    print(result)
    if request.into and result.counts["messages"]:
        print(f"compare with: --into {request.into} (command compare)")
    return 0


def report(line: str) -> None:
    """Print a step of the run to standard error."""
    print(escape(line), file=sys.stderr)
