"""The command `lake`: list the files of a lake, hand them to other readers, verify them, and keep the lake in order."""

import argparse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.errors import RunFailed, UserError
from pipelines.lake.compact import compact_lake
from pipelines.lake.iceberg import commit_lake
from pipelines.lake.prune import prune_lake
from pipelines.lake.verify import verify_lake
from pipelines.lake.windows import feed_names, find_feed, in_range, read_windows
from pipelines.options import parse_moment
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.output_folder import LAKE
from pipelines.terminal_text import escape
from schemas.timestamps import to_datetime
from transforms.clock import wall_us
from transforms.sinks.files.files import names_in
from transforms.sinks.iceberg.catalog import (
    SETTINGS,
    CatalogSettings,
    IcebergError,
    open_catalog,
    read_settings,
    write_settings,
)

_DAY_UNITS = {"d": 1.0, "h": 1 / 24}


def run(args: argparse.Namespace) -> int:
    """Run one action; return its exit code."""
    root = _root(args)
    start, end = (_moment(args, option) for option in ("from", "to"))
    if args.action == "ls":
        return _ls(root)
    if args.action == "files":
        return _files(root, find_feed(root, args.feed), start, end)
    if args.action == "verify":
        return _verify(root)
    run_id = f"{args.action}-{to_datetime(wall_us()):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    if args.action == "prune":
        days = _days(args.older_than)
        with _locked(args):
            pruned = prune_lake(root, run_id, days)
        print(
            f"deleted {pruned.superseded:,} superseded files ({pruned.bytes:,} bytes), {pruned.abandoned:,} abandoned, "
            f"{pruned.manifests:,} merged manifests"
        )
        return 0
    if args.action == "iceberg":
        with _locked(args):
            try:
                return _iceberg(args, root, run_id)
            except IcebergError as error:
                raise RunFailed(f"lake iceberg: {error}") from error
    feeds = [find_feed(root, name) for name in args.feed] or feed_names(root)
    with _locked(args):
        done = compact_lake(root, run_id, feeds, args.target_mb << 20, start, end)
        commit_lake(root, run_id)
    print(f"joined {done.before:,} files into {done.after:,} in {done.windows:,} windows")
    return 0


def _root(args: argparse.Namespace) -> str:
    root = args.lake.rstrip("/") if args.lake else str(Path(args.output) / LAKE)
    if "://" not in root and not Path(root).is_dir():
        option, value = ("lake", args.lake) if args.lake else ("output", args.output)
        raise UserError(f"--{option} {value}: there is no lake in it")
    return root


def _moment(args: argparse.Namespace, option: str) -> int | None:
    text = getattr(args, option, None)
    return parse_moment(option, text) if text else None


def _days(text: str) -> float:
    try:
        value = float(text[:-1]) * _DAY_UNITS[text[-1:]]
    except (ValueError, KeyError):
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UserError(f"--older_than {text}: not an age like 7d or 12h")
    return value


@contextmanager
def _locked(args: argparse.Namespace) -> Iterator[None]:
    """Hold the folder's lock; a bucket has none."""
    with lock_folder(Path(args.output) if args.output else None, f"lake {args.action}"):
        yield


def _ls(root: str) -> int:
    rows: dict[str, list[int]] = {}
    for window in read_windows(root):
        sums = rows.setdefault(window.feed, [0, 0, 0, 0, 0])
        entries = window.entries
        counts = (
            1,
            len(entries),
            sum(e["rows"] for e in entries),
            sum(e["bytes"] for e in entries),
            len(window.hidden),
        )
        rows[window.feed] = [total + count for total, count in zip(sums, counts, strict=True)]
    print(f"{'feed':<24}{'windows':>9}{'files':>9}{'rows':>14}{'bytes':>16}{'hidden':>8}")
    for feed, (windows, files, count, size, hidden) in rows.items():
        print(f"{feed:<24}{windows:>9,}{files:>9,}{count:>14,}{size:>16,}{hidden:>8,}")
    return 0


def _files(root: str, feed: str, start: int | None, end: int | None) -> int:
    if start is not None and end is not None and start >= end:
        raise UserError("--from, --to: the range must end after it starts")
    for window in read_windows(root, [feed]):
        if in_range(window.partition, start, end):
            for entry in window.entries:
                path = window.path(entry["name"])
                print(path if "://" in path else Path(path).resolve())
    return 0


def _iceberg(args: argparse.Namespace, root: str, run_id: str) -> int:
    if args.off:
        if SETTINGS in names_in(root, SETTINGS):
            FileSystems.delete([f"{root}/{SETTINGS}"])
        return 0
    settings = _catalog(args, read_settings(root))
    open_catalog(settings)  # settings that do not work are not kept
    write_settings(root, settings)
    print(f"{'table':<20}{'added':>9}{'files':>9}{'rows':>14}{'snapshots':>11}{'deleted':>9}")
    for table in commit_lake(root, run_id, clean=True):
        counts = f"{table.added:>9,}{table.files:>9,}{table.rows:>14,}{table.snapshots:>11,}{table.deleted:>9,}"
        print(f"{table.name:<20}{counts}")
    return 0


def _catalog(args: argparse.Namespace, known: CatalogSettings | None) -> CatalogSettings:
    """Return the catalog of the options, of the lake, or that of an output folder."""
    if args.iceberg_catalog is None and args.iceberg_warehouse is None:
        if known is not None:
            return known
        if args.output is None:
            raise UserError("--iceberg_catalog, --iceberg_warehouse: needed, for the lake has no catalog yet")
        folder = Path(args.output).resolve() / "iceberg"
        folder.mkdir(exist_ok=True)
        return CatalogSettings(f"sqlite:///{folder / 'catalog.db'}", folder.as_uri())
    if args.iceberg_catalog is None or args.iceberg_warehouse is None:
        raise UserError("--iceberg_catalog, --iceberg_warehouse: give both of them")
    if not args.iceberg_catalog.startswith(("sqlite:///", "http://", "https://")):
        raise UserError(
            f"--iceberg_catalog {args.iceberg_catalog}: must be sqlite:///FILE or the address of a REST catalog"
        )
    given = CatalogSettings(args.iceberg_catalog, args.iceberg_warehouse, args.iceberg_project or "")
    if known is not None and known != given:
        raise UserError(
            f"--iceberg_catalog {given.uri}, --iceberg_warehouse {given.warehouse}: the lake has {known.uri}, "
            f"{known.warehouse}; `lake iceberg --off` first"
        )
    return given


def _verify(root: str) -> int:
    verified = verify_lake(root)
    for problem in verified.problems:
        print(escape(str(problem)))
    damaged = sum(problem.is_damage for problem in verified.problems)
    print(f"{verified.files:,} files ({verified.bytes:,} bytes) compared with their manifests, {damaged:,} damaged")
    if damaged:
        raise RunFailed(f"{damaged:,} of {verified.files:,} files are not what their manifests say")
    return 0
