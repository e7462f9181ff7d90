"""The data files of an Iceberg table: hard links or copies of a feed's files, under the table's location."""

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import names_in, write_whole


def data_folder(location: str, partition: str) -> str:
    """Return the folder of a window's files under a table's location, as the table names it."""
    return f"{location.rstrip('/')}/data/{partition}"


def take_over(location: str, root: str, folder: str, files: dict[str, list[str]]) -> list[str]:
    """Make files of a feed files of a table; return their paths as the table names them.

    Args:
        location: the table's location, a URI.
        root: the root of the lake.
        folder: the feed's folder under the root.
        files: names by window, as `dt=2026-06-15/hour=12`. A file that the table's folder has already is left.

    Raises:
        FileNotFoundError: a file is not in the feed's folder any more.
    """
    paths = []
    for partition, names in files.items():
        source, target = FileSystems.join(root, folder, partition), data_folder(location, partition)
        present = set(names_in(as_path(target), "")) if _may_exist(as_path(target)) else set()
        for name in names:
            if name not in present:
                _put(FileSystems.join(source, name), f"{as_path(target)}/{name}")
            paths.append(f"{target}/{name}")
    return paths


def as_path(uri: str) -> str:
    """Return a path for Beam's FileSystems: `file:` URIs become local paths."""
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri


def _may_exist(folder: str) -> bool:
    return "://" in folder or Path(folder).is_dir()


def _put(source: str, target: str) -> None:
    """Link a local file, copy one within a store, or write it; the target is whole or absent."""
    if "://" not in source and "://" not in target:
        _link(Path(source), Path(target))
        return
    if source.partition("://")[0] == target.partition("://")[0]:
        store = FileSystems.get_filesystem(source)
        if not store.exists(source):
            raise FileNotFoundError(source)
        store.copy([source], [target])
        return
    with FileSystems.open(source, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        data = file.read()
    folder, _, name = target.rpartition("/")
    write_whole(folder, name, data)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or a file system without hard links
        copy = target.with_name(f".{target.name}.{uuid.uuid4().hex[:6]}.tmp")
        try:
            shutil.copyfile(source, copy)
            copy.replace(target)
        finally:
            with suppress(FileNotFoundError):
                copy.unlink()
