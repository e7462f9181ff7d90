"""The catalog of a lake: its settings, kept in the lake itself, and its tables, one per Parquet feed.

The settings are in `iceberg.json` at the root of the lake, so that every process that publishes to the lake commits to
the same tables. pyiceberg is imported only when there are settings.
"""

import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.tables.lake import LAKE, LakeFeed
from transforms.sinks.files.files import names_in, write_whole
from transforms.sinks.files.parquet import sort_order

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

SETTINGS = "iceberg.json"
INSTALL = "pyiceberg is not installed; `pip install event-pipelines[iceberg]` installs it"
_GOOGLE = "biglake.googleapis.com"
_PROPERTIES = {
    "format-version": "2",
    # Each commit is checked against the table's files, so a conflicting one must be planned again, not repeated.
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


class IcebergError(Exception):
    """The catalog cannot be used; the text says why, without a value of a row."""


class CatalogSettings(NamedTuple):
    """Where the tables are.

    Args:
        uri: `sqlite:///FILE`, or the address of a REST catalog, such as BigLake's.
        warehouse: where the tables' files go: a URI of a folder, or what the REST catalog calls its warehouse.
        project: the Google Cloud project that BigLake charges; empty for others.
    """

    uri: str
    warehouse: str
    project: str = ""


def read_settings(root: str) -> CatalogSettings | None:
    """Return the settings of a lake; None if it has no catalog.

    Raises:
        IcebergError: the settings cannot be read.
    """
    try:
        if not root or SETTINGS not in names_in(root, SETTINGS):
            return None
        with FileSystems.open(f"{root}/{SETTINGS}", compression_type=CompressionTypes.UNCOMPRESSED) as file:
            settings = CatalogSettings(**json.loads(file.read()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise IcebergError(f"{root}/{SETTINGS}: cannot be read ({type(error).__name__})") from None
    return settings


def write_settings(root: str, settings: CatalogSettings) -> None:
    """Keep the settings in the lake."""
    write_whole(root, SETTINGS, json.dumps(settings._asdict(), indent=2).encode())


def open_catalog(settings: CatalogSettings) -> "Catalog":
    """Return the catalog with its namespace.

    Raises:
        IcebergError: pyiceberg is not installed, or the catalog does not answer.
    """
    try:
        from pyiceberg.catalog import load_catalog
    except ImportError:
        raise IcebergError(INSTALL) from None
    try:
        catalog = load_catalog("event-pipelines", **catalog_properties(settings))
        catalog.create_namespace_if_not_exists(LAKE)
    except Exception as error:  # of SQLAlchemy, requests or pyiceberg, by the kind of the catalog
        raise IcebergError(f"the Iceberg catalog {settings.uri} does not answer: {type(error).__name__}") from error
    return catalog


def catalog_properties(settings: CatalogSettings) -> dict[str, object]:
    """Return pyiceberg's properties of a catalog; the environment (`PYICEBERG_CATALOG__…`) adds others."""
    properties: dict[str, object] = {"uri": settings.uri, "warehouse": settings.warehouse}
    if settings.uri.startswith("sqlite:"):
        return properties | {"type": "sql"}
    properties |= {"type": "rest"}
    if urlsplit(settings.uri).hostname == _GOOGLE:
        properties |= {"auth": {"type": "google"}}
        if settings.project:
            properties["header.x-goog-user-project"] = settings.project
    return properties


def load_table(catalog: "Catalog", feed: LakeFeed) -> "Table":
    """Return the table of a feed, partitioned by hour; it is created when it is absent."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortField, SortOrder
    from pyiceberg.transforms import HourTransform, IdentityTransform
    from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestamptzType

    types = {"STRING": StringType(), "INT64": LongType(), "FLOAT64": DoubleType(), "TIMESTAMP": TimestamptzType()}
    schema = Schema(
        *(
            NestedField(number, column.name, types[column.type], required=False, doc=column.description)
            for number, column in enumerate(feed.columns, start=1)
        )
    )
    source = schema.find_field(feed.time).field_id
    order = [
        SortField(source_id=schema.find_field(name).field_id, transform=IdentityTransform())
        for name in sort_order(feed.folder)
    ]
    return catalog.create_table_if_not_exists(
        f"{LAKE}.{feed.name}",
        schema,
        partition_spec=PartitionSpec(
            PartitionField(source_id=source, field_id=1000, transform=HourTransform(), name=f"{feed.time}_hour")
        ),
        sort_order=SortOrder(*order),
        properties={**_PROPERTIES, "comment": feed.description},
    )
