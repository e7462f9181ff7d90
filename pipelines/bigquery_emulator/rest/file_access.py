"""Read the files that load jobs name: objects of Cloud Storage's emulator, and files of the run's own folders.

A load job is a request like any other, and its `sourceUris` must not read the rest of the machine. A path is resolved
first, so neither `..` nor a symbolic link leads out of the allowed folders.
"""

from __future__ import annotations

import json
import os
import stat
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from pipelines.bigquery_emulator.errors import ApiError

MAX_FILE_BYTES = 1024 * 1024 * 1024
"""A file is read whole."""
_SECONDS = 60
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FileAccess:
    """Reads `gs://` objects through STORAGE_EMULATOR_HOST, and files below the given folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]

    def read(self, uri: str) -> list[bytes]:
        """Return the content of a file, or of each object that one `*` matches; ApiError when it cannot be read."""
        return _objects(uri) if uri.startswith("gs://") else [self._file(uri)]

    def _file(self, uri: str) -> bytes:
        path = Path(uri.removeprefix("file://"))
        if "\0" in uri or not path.is_absolute():
            raise ApiError("invalid", f"Not a path to load from: {uri!r}")
        real = path.resolve()
        if not any(real.is_relative_to(folder) for folder in self._folders):
            raise ApiError("accessDenied", f"Access Denied: URI {uri} is outside the folders that load jobs may read")
        try:
            # O_NOFOLLOW: the file is not swapped for a link after the check; O_NONBLOCK: opening a pipe does not wait
            handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(handle, "rb") as file:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise ApiError("invalid", f"URI {uri} is not a regular file")
                if status.st_size > MAX_FILE_BYTES:
                    raise ApiError("invalid", f"URI {uri} is over the limit of {MAX_FILE_BYTES} bytes")
                return file.read(MAX_FILE_BYTES)
        except OSError as error:
            raise ApiError("notFound", f"Not found: URI {uri}: {error.strerror}") from None


def _objects(uri: str) -> list[bytes]:
    host = os.environ.get("STORAGE_EMULATOR_HOST")
    if not host:
        raise ApiError("invalid", f"Cannot read {uri}: STORAGE_EMULATOR_HOST is not set")
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    base = f"{host if '://' in host else f'http://{host}'}/storage/v1/b/{quote(bucket, '')}/o"
    names = [name]
    if "*" in name:
        prefix, _, suffix = name.partition("*")
        listing = json.loads(_get(f"{base}?prefix={quote(prefix, '')}", uri))
        names = [item["name"] for item in listing.get("items", []) if item["name"].endswith(suffix)]
    return [_get(f"{base}/{quote(item, '')}?alt=media", uri) for item in names]


def _get(url: str, uri: str) -> bytes:
    try:
        with _NO_PROXY.open(url, timeout=_SECONDS) as response:
            data: bytes = response.read()
            return data
    except OSError as error:
        raise ApiError("notFound", f"Not found: URI {uri}: {error}") from None
