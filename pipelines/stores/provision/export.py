"""The same resources as files: JSON schemas and SQL that Terraform's `templatefile` fills in, and all of it as DDL.

`lake.sql` creates the external tables over the lake's Parquet files; it needs a BigQuery connection and files to read.

`resources.json` lists the resources to create from them; a test fails if `templates/bigquery/` differs from the models.
"""

import json
from pathlib import Path
from typing import Any

from pipelines.stores.provision.resources import DATASETS, other_datasets
from schemas.registry import REGISTRY, Registry
from schemas.tables.ddl import create_dataset, create_external_table, create_function, create_table, create_view
from schemas.tables.definitions import all_tables
from schemas.tables.lake import LAKE, LAKE_FEEDS, PARTITIONS
from schemas.views import AS_OF_ARGUMENT, Names, all_views


def exported(registry: Registry = REGISTRY) -> dict[str, str]:
    """Return the files by their path under the export's folder."""
    files: dict[str, str] = {}
    manifest: dict[str, Any] = {
        "datasets": {name: {"description": text, "labels": labels} for name, (text, labels) in DATASETS.items()},
        "tables": {},
        "views": {},
        "functions": {},
        "may_read": {},
        "external_tables": {
            f"{LAKE}.{feed.name}": {
                "dataset": LAKE,
                "table": feed.name,
                "description": feed.description,
                "folder": feed.folder,
                "format": "PARQUET",
                "partitions": [{"name": column.name, "type": column.type} for column in PARTITIONS],
            }
            for feed in LAKE_FEEDS
        },
    }
    for table in all_tables(registry).values():
        path = f"tables/{table.dataset}.{table.name}.json"
        files[path] = _json(table.bigquery_fields())
        column, kind = table.partition
        manifest["tables"][f"{table.dataset}.{table.name}"] = {
            "dataset": table.dataset,
            "table": table.name,
            "description": table.description,
            "schema": path,
            "partition_type": kind,
            "partition_field": column,
            "clustering": list(table.cluster),
            "policy_tags": {column.name: column.policy_tag for column in table.columns if column.policy_tag},
        }
    for view in all_views():
        name = f"{view.dataset}.{view.name}"
        entry = {"dataset": view.dataset, "description": view.description, "needs": _needs(view.reads)}
        files[f"views/{name}.sql"] = view.terraform(as_of=False)
        manifest["views"][name] = {**entry, "view": view.name, "query": f"views/{name}.sql", "columns": view.columns}
        for dataset in other_datasets(view):
            manifest["may_read"].setdefault(dataset, []).append(name)
        if view.function:
            function = f"{view.dataset}.{view.function}"
            files[f"functions/{function}.sql"] = view.terraform(as_of=True)
            manifest["functions"][function] = {
                **entry,
                "function": view.function,
                "query": f"functions/{function}.sql",
                "arguments": [{"name": AS_OF_ARGUMENT, "type": "TIMESTAMP"}],
            }
            for dataset in other_datasets(view):
                manifest["may_read"][dataset].append(function)
    files["resources.json"] = _json(manifest)
    files["ddl.sql"] = _ddl(registry)
    files["lake.sql"] = _lake_ddl()
    return files


def export(directory: Path, registry: Registry = REGISTRY) -> int:
    """Write the files, remove files of an earlier export that are no longer generated, and return the number of files."""
    files = exported(registry)
    for folder, pattern in (("tables", "*.json"), ("views", "*.sql"), ("functions", "*.sql")):
        for old in (directory / folder).glob(pattern):
            if f"{folder}/{old.name}" not in files:
                old.unlink()
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(files)


def _ddl(registry: Registry) -> str:
    names = Names("${project}", "${event_store}", "${analytics}")
    statements = [
        *(create_dataset(dataset, text, labels, names) for dataset, (text, labels) in DATASETS.items()),
        *(create_table(table, names) for table in all_tables(registry).values()),
        *(create_view(view, names) for view in all_views()),
        *(create_function(view, names) for view in all_views() if view.function),
    ]
    head = (
        "-- project=P event_store=event_store analytics=analytics envsubst < ddl.sql | bq query --use_legacy_sql=false"
    )
    return "\n\n".join([head, *(f"{statement};" for statement in statements)]) + "\n"


def _lake_ddl() -> str:
    names = Names("${project}", "${event_store}", "${analytics}")
    statements = [
        create_dataset(
            LAKE, "External tables over the Parquet files of the lake, partitioned by dt and hour.", {}, names
        ),
        *(create_external_table(feed, names) for feed in LAKE_FEEDS),
    ]
    head = (
        "-- project=P lake=gs://BUCKET connection=P.LOCATION.NAME envsubst < lake.sql | bq query --use_legacy_sql=false"
    )
    return "\n\n".join([head, *(f"{statement};" for statement in statements)]) + "\n"


def _needs(reads: list[tuple[str, str]]) -> list[str]:
    return [f"{dataset}.{name}" for dataset, name in reads]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
