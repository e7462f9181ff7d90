"""The command `settings`: show or change what all runs of a store must agree on."""

import argparse
from dataclasses import asdict

from pipelines.cli.parsed import target_of
from pipelines.job import make_run_id
from pipelines.stores.change_settings import SettingsRequest, parse_change, show_or_change
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import open_stores
from transforms.clock import wall_us


def run(args: argparse.Namespace) -> int:
    """Print the settings, after the change if one is given."""
    started = wall_us()
    request = SettingsRequest(
        target=target_of(args),
        run_id=make_run_id(None, started),
        started=started,
        changes=dict(parse_change(text) for text in args.set),
    )
    directory = request.target.directory if request.changes else None
    with lock_folder(directory, "settings"), open_stores(request.target) as endpoints:
        settings = show_or_change(endpoints, request)
    for name, value in asdict(settings).items():
        print(f"{name:<22} {'-' if value is None else value}")
    return 0
