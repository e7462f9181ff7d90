"""The options of the command `lake`."""

import argparse

from pipelines.options import positive

HELP = "List, verify, prune and compact the files of the lake, and commit them to Iceberg tables (docs/lake.md)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add(actions, "ls", "List the feeds: windows, files, rows and bytes, by their newest manifests.")
    files = _add(actions, "files", "Print the paths of a feed's files, one per line, for any other reader.")
    files.add_argument("feed", metavar="FEED", help="the feed, such as iot_features or archive/orders")
    _add_range(files)
    _add(
        actions,
        "verify",
        "Compare every file with the size and the sha256 of its manifest; exit code 1 if a file is damaged.",
    )
    prune = _add(actions, "prune", "Delete superseded files, merged manifests, and hidden files that killed runs left.")
    prune.add_argument(
        "--older_than",
        default="7d",
        metavar="AGE",
        help="delete what was superseded at least this long ago, days (7d) or hours (12h); 0d: all",
    )
    compact = _add(actions, "compact", "Join the files of each hour that ended 2 hours ago or earlier into one.")
    compact.add_argument("feed", nargs="*", metavar="FEED", help="only these feeds (default: all)")
    _add_range(compact)
    compact.add_argument("--target_mb", type=positive, default=128, help="join files up to this size, MiB")
    iceberg = _add(actions, "iceberg", "Commit the feeds to Apache Iceberg tables, and let every later command do so.")
    iceberg.add_argument(
        "--iceberg_catalog",
        metavar="URI",
        help="the catalog: sqlite:///FILE or the address of a REST catalog (default: the lake's; with --output "
        "DIR/iceberg/catalog.db)",
    )
    iceberg.add_argument(
        "--iceberg_warehouse",
        metavar="URI",
        help="where the tables' files go: a folder's URI, or the REST catalog's name of its warehouse (default: with "
        "--output DIR/iceberg)",
    )
    iceberg.add_argument("--iceberg_project", metavar="P", help="the project that Google's BigLake catalog charges")
    iceberg.add_argument("--off", action="store_true", help="commit no longer; tables and files stay")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=summary, description=summary)
    place = action.add_mutually_exclusive_group(required=True)
    place.add_argument("--output", metavar="DIR", help="an output folder; its lake is DIR/lake")
    place.add_argument("--lake", metavar="gs://BUCKET[/FOLDER]", help="the root of a lake in a bucket, or a folder")
    return action


def _add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", metavar="T", help="only windows that end after this time, RFC 3339")
    parser.add_argument("--to", metavar="T", help="only windows that begin before this time, RFC 3339")
