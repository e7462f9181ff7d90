"""Keep the REST resources of datasets, tables, views and routines as JSON.

They live in the schema `__bigquery` of the same DuckDB file, so a resource and the table it describes change in one
transaction, and in memory, where every append looks them up.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import duckdb

from pipelines.bigquery_emulator.errors import not_found

Resource = dict[str, Any]
Key = tuple[str, str, str]

_CREATE = """
create schema if not exists __bigquery;
create table if not exists __bigquery.resources (
    kind varchar, dataset varchar, name varchar, position bigint, resource varchar, primary key (kind, dataset, name))
"""


class Catalog:
    """Resources by (kind, dataset, name); kind is dataset, table (views too) or routine."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, project: str) -> None:
        self._connection = connection
        self._project = project
        self._resources: dict[Key, Resource] = {}
        connection.execute(_CREATE).fetchall()
        self.reload()

    def reload(self) -> None:
        """Read all resources from the file again, after a rollback."""
        rows = self._connection.execute(
            "select kind, dataset, name, resource from __bigquery.resources order by position"
        ).fetchall()
        self._resources = {(kind, dataset, name): json.loads(text) for kind, dataset, name, text in rows}

    def find(self, kind: str, dataset: str, name: str = "") -> Resource | None:
        """Return the resource, or None."""
        return self._resources.get((kind, dataset, name))

    def dataset(self, dataset: str) -> Resource:
        """Return the dataset's resource; ApiError notFound without one."""
        found = self.find("dataset", dataset)
        if found is None:
            raise not_found("Dataset", f"{self._project}:{dataset}")
        return found

    def table(self, dataset: str, name: str) -> Resource:
        """Return the resource of the table or view; ApiError notFound without one."""
        found = self.find("table", dataset, name)
        if found is None:
            self.dataset(dataset)
            raise not_found("Table", f"{self._project}:{dataset}.{name}")
        return found

    def routine(self, dataset: str, name: str) -> Resource:
        """Return the routine's resource; ApiError notFound without one."""
        found = self.find("routine", dataset, name)
        if found is None:
            self.dataset(dataset)
            raise not_found("Routine", f"{self._project}:{dataset}.{name}")
        return found

    def all(self, kind: str, dataset: str | None = None) -> list[Resource]:
        """Return the resources of a kind, in order of creation."""
        return [r for (k, d, _), r in self._resources.items() if k == kind and (dataset is None or d == dataset)]

    def save(self, kind: str, dataset: str, name: str, resource: Resource) -> Resource:
        """Store a resource with new times and etag; its position in listings stays."""
        now = str(int(time.time() * 1000))
        known = self.find(kind, dataset, name)
        resource = {
            **resource,
            "creationTime": (known or {}).get("creationTime", now),
            "lastModifiedTime": now,
        }
        resource.pop("etag", None)
        text = json.dumps(resource, sort_keys=True)
        resource["etag"] = hashlib.sha256(f"{text}{time.time_ns()}".encode()).hexdigest()[:24]
        self._connection.execute(
            """insert into __bigquery.resources
               values ($1, $2, $3, (select coalesce(max(position), 0) + 1 from __bigquery.resources), $4)
               on conflict do update set resource = excluded.resource""",
            [kind, dataset, name, json.dumps(resource)],
        ).fetchall()
        self._resources[kind, dataset, name] = resource
        return resource

    def drop(self, kind: str, dataset: str, name: str = "") -> None:
        """Delete a resource."""
        self._connection.execute(
            "delete from __bigquery.resources where kind = $1 and dataset = $2 and name = $3",
            [kind, dataset, name],
        ).fetchall()
        self._resources.pop((kind, dataset, name), None)
