"""The command `redrive`: repair dead letters by rules and send them again, through the job's graph or to the topics."""

import argparse

from pipelines.cli.commands.replay import report
from pipelines.command_options.requests import RedriveOptions, read_rules, redrive_request
from pipelines.lake.recovery import recovered
from pipelines.options import read_key
from pipelines.read_options import read_options
from pipelines.replay.redrive.run import plan_dead_letters, run_redrive
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import open_stores
from pipelines.terminal_text import escape


def run(args: argparse.Namespace) -> int:
    """Redrive, and print what was done."""
    if args.check is not None:
        checked = read_rules("check", args.check)
        print(f"{args.check}: {len(checked.rules)} rules, {sum(len(rule.tests) for rule in checked.rules)} tests pass")
        return 0
    key = read_key(args.pii_key_file)
    request = redrive_request(
        read_options(RedriveOptions, vars(args)), read_rules("rules", args.rules) if args.rules else None, key
    )
    directory = None if args.dry_run else request.target.directory
    with lock_folder(directory, "redrive"), recovered(directory), open_stores(request.target) as endpoints:
        plan = plan_dead_letters(endpoints, request, writes=not args.dry_run)
        for line in plan.lines(examples=args.dry_run):
            print(escape(line))
        if args.dry_run or plan.empty:
            return 0
        result = run_redrive(endpoints, request, plan, report)
        print(result)
    return 1 if result.delivered < result.rows else 0
