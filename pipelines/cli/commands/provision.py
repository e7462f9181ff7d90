"""The command `provision`: create or update the stores from `schemas/` without losing data.

The command is idempotent: it creates missing resources, adds columns, and updates views and descriptions. If a change
would lose data, it prints the plan with the reasons, changes nothing and fails.
"""

import argparse
from pathlib import Path

from pipelines.cli.parsed import target_of
from pipelines.errors import UserError
from pipelines.job import make_run_id
from pipelines.read_model.migrate import migrate
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import open_stores
from pipelines.stores.output_folder import WAREHOUSE
from pipelines.stores.provision.export import export
from pipelines.stores.provision.plan import make_plan
from pipelines.stores.provision.provision import provision
from pipelines.stores.provision.resources import Settings, policy_tag_names, wanted
from pipelines.stores.provision.stores import Existing
from pipelines.stores.run_record import Run, close_dead_runs, recorded
from pipelines.stores.settings import DEFAULT_WINDOW_SECONDS, check_settings, provision_agreed
from schemas.registry import REGISTRY
from schemas.tables.definitions import ANALYTICS, EVENT_STORE
from transforms.clock import wall_us


def run(args: argparse.Namespace) -> int:
    """Provision, print the plan, or export."""
    if args.window_seconds is not None and args.window_seconds < 1:
        raise UserError(f"--window_seconds {args.window_seconds}: must be at least 1")
    if args.export is not None:
        written = export(Path(args.export))
        print(f"{written} files in {args.export}")
        return 0
    if args.read_model is not None:
        print(migrate(args.read_model, dry_run=args.dry_run))
        if args.output is None and args.project is None:
            return 0
    settings = _settings(args)
    target = target_of(args)
    if args.dry_run and target.directory is not None and not (target.directory / WAREHOUSE).exists():
        nothing: Existing = {}
        names = target.names(args.window_seconds or DEFAULT_WINDOW_SECONDS)
        print(make_plan(wanted(target, REGISTRY, names, settings), nothing, settings))
        return 0
    with (
        lock_folder(None if args.dry_run else target.directory, "provision"),
        open_stores(target, create=True) as endpoints,
    ):
        stored = check_settings(endpoints.bigquery, target, window_seconds=args.window_seconds)
        window_seconds = stored.window_seconds if stored else args.window_seconds or DEFAULT_WINDOW_SECONDS
        plan = provision(endpoints, target, REGISTRY, window_seconds, settings, args.dry_run)
        print(plan)
        if not args.dry_run:
            started = wall_us()
            run_id = make_run_id(None, started)
            close_dead_runs(endpoints.bigquery, target, run_id)
            with recorded(
                endpoints.bigquery,
                target,
                Run(run_id=run_id, command="provision", started=started, configuration=vars(args)),
            ):
                provision_agreed(endpoints, target, run_id=run_id, window_seconds=window_seconds)
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    expiry = {dataset: getattr(args, f"{dataset}_expiry_days") for dataset in (EVENT_STORE, ANALYTICS)}
    for dataset, days in expiry.items():
        if days is not None and days < 0:
            raise UserError(f"--{dataset}_expiry_days {days}: must be 0 (never) or more")
    known, tags = policy_tag_names(REGISTRY), {}
    for text in args.policy_tag or []:
        name, _, resource = text.partition("=")
        if name not in known or not resource:
            raise UserError(f"--policy_tag {text}: must be NAME=RESOURCE, NAME one of {', '.join(sorted(known))}")
        tags[name] = resource
    return Settings(expiry, tags, args.location, args.allow_shorter_expiry)
