"""Files of the archive that no manifest names because another program wrote them, such as a Cloud Storage subscription.

Pub/Sub's Cloud Storage subscriptions write files of any name and folder below a prefix. Below `archive/<topic>/` they are
found by listing and read as they are; a file of this project's own without a manifest is damage instead.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from schemas.timestamps import SECOND_US, parse_rfc3339
from transforms.sinks.files.files import literal
from transforms.sources.avro_container import count_records, read_header
from transforms.sources.open_input import open_raw

DAY_US = 86_400 * SECOND_US
_DATE = re.compile(r"(?<!\d)(20\d\d)[-_/]?([01]\d)[-_/]?([0-3]\d)(?!\d)").search
_OLD_FIELDS = {"topic", "messageId", "publishTime"}


class ForeignFile(NamedTuple):
    """A file of another program, read unchanged."""

    path: str
    bytes: int
    messages: int


def find_foreign(lake: str, topic: str, first: int, last: int | None) -> Iterator[str]:
    """Yield the Avro files below a topic's folder that are in no window of the archive's own.

    Args:
        lake: root of the lake.
        topic: the topic's short name.
        first: first publish time wanted, UTC microseconds.
        last: last publish time wanted; None is any. A file whose path holds a date more than a day off is left out.
    """
    folder = FileSystems.join(lake, "archive", topic)
    pattern = FileSystems.join(literal(lake), "archive", topic, "**")
    for found in FileSystems.match([pattern])[0].metadata_list:
        path = found.path.replace("\\", "/")
        inner = path[len(folder.replace("\\", "/")) :].strip("/")
        hidden = any(part.startswith((".", "_")) for part in inner.split("/"))
        if inner.endswith(".avro") and not hidden and not inner.startswith("dt=") and _may_hold(inner, first, last):
            yield found.path


def open_foreign(path: str) -> ForeignFile | None:
    """Return a file that another program wrote, None for a file of this project; raise DamagedInput if it is damaged."""
    with open_raw(path) as file:
        header = read_header(file, path)
    fields = header.schema.get("fields", ()) if isinstance(header.schema, dict) else ()
    names = {field.get("name") for field in fields if isinstance(field, dict)}
    if header.own or names >= _OLD_FIELDS:
        return None
    with open_raw(path) as file:
        messages = count_records(file, path)
        return ForeignFile(path, file.tell(), messages)


def _may_hold(inner: str, first: int, last: int | None) -> bool:
    match = _DATE(inner)
    if match is None:
        return True
    try:
        day, _ = parse_rfc3339(f"{match[1]}-{match[2]}-{match[3]}T00:00:00Z")
    except ValueError:
        return True
    return day >= first - 2 * DAY_US and (last is None or day <= last + DAY_US)
