"""BigQuery REST bodies of every dataset, table, view and table function, generated from `schemas/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.stores.target import Target
from schemas.registry import Registry
from schemas.tables.column import Column
from schemas.tables.definitions import ANALYTICS, EVENT_STORE, Table, all_tables
from schemas.views import AS_OF_ARGUMENT, Names, View, all_views

Body = dict[str, Any]

DATASETS = {
    EVENT_STORE: (
        "Events and dead letters, whole: payloads hold personal data, so few may read it.",
        {"application": "event-pipelines", "data": "restricted"},
    ),
    ANALYTICS: (
        "Typed events, counts, sagas, metrics and the read side, without names, addresses and numbers in clear.",
        {"application": "event-pipelines", "data": "pseudonymous"},
    ),
}
DEFAULT_LOCATION = "EU"
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Settings:
    """Options of `provision`. An expiry of None leaves existing tables unchanged; 0 days: never."""

    expiry_days: Mapping[str, int | None] = field(default_factory=dict)
    policy_tags: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    allow_shorter_expiry: bool = False


@dataclass(frozen=True)
class Resource:
    """A wanted resource: kind is dataset, table, view, function or access; `name` is its displayed name."""

    kind: str
    name: str
    body: Body


def wanted(target: Target, registry: Registry, names: Names, settings: Settings) -> list[Resource]:
    """Return all wanted resources, each after those it depends on."""
    views = all_views()
    return [
        *(_dataset(target, dataset, settings) for dataset in DATASETS),
        *(_table(target, table, settings) for table in all_tables(registry).values()),
        *(_view(target, view, names) for view in views),
        *(_function(target, view, names) for view in views if view.function),
        *(_access(target, view, *grant) for view in views for grant in _authorized(view)),
    ]


def policy_tag_names(registry: Registry) -> set[str]:
    """Return the policy tags that columns name."""
    return {
        column.policy_tag for table in all_tables(registry).values() for column in table.columns if column.policy_tag
    }


def _dataset(target: Target, dataset: str, settings: Settings) -> Resource:
    description, labels = DATASETS[dataset]
    name = target.dataset(dataset)
    body: Body = {
        "datasetReference": {"projectId": target.project, "datasetId": name},
        "description": description,
        "labels": labels,
    }
    if settings.location:
        body["location"] = settings.location
    return Resource("dataset", name, body)


def _reference(target: Target, dataset: str, name: str, key: str = "tableId") -> Body:
    return {"projectId": target.project, "datasetId": target.dataset(dataset), key: name}


def _table(target: Target, table: Table, settings: Settings) -> Resource:
    column, kind = table.partition
    partitioning: Body = {"type": kind, "field": column}
    days = settings.expiry_days.get(table.dataset)
    if days is not None:
        partitioning["expirationMs"] = str(days * DAY_MS) if days else None
    body: Body = {
        "tableReference": _reference(target, table.dataset, table.name),
        "description": table.description,
        "schema": {"fields": [table_field(column, settings.policy_tags) for column in table.columns]},
        "timePartitioning": partitioning,
    }
    if table.cluster:
        body["clustering"] = {"fields": list(table.cluster)}
    return Resource("table", f"{target.dataset(table.dataset)}.{table.name}", body)


def table_field(column: Column, policy_tags: Mapping[str, str]) -> Body:
    """Return a column's field, with its policy tag if one is given."""
    body = column.bigquery_field()
    if column.policy_tag and column.policy_tag in policy_tags:
        body["policyTags"] = {"names": [policy_tags[column.policy_tag]]}
    return body


def _view(target: Target, view: View, names: Names) -> Resource:
    body = {
        "tableReference": _reference(target, view.dataset, view.name),
        "description": view.description,
        "view": {"query": view.query(names), "useLegacySql": False},
        # BigQuery derives types; only the descriptions are ours.
        "schema": {"fields": [{"name": name, "description": what} for name, what in view.columns.items()]},
    }
    return Resource("view", f"{target.dataset(view.dataset)}.{view.name}", body)


def _function(target: Target, view: View, names: Names) -> Resource:
    name = view.function or ""
    body = {
        "routineReference": _reference(target, view.dataset, name, "routineId"),
        "routineType": "TABLE_VALUED_FUNCTION",
        "language": "SQL",
        "arguments": [{"name": AS_OF_ARGUMENT, "dataType": {"typeKind": "TIMESTAMP"}}],
        "definitionBody": view.as_of_query(names),
        "description": f"{view.description} As of a time: {view.as_of}.",
    }
    return Resource("function", f"{target.dataset(view.dataset)}.{name}", body)


def other_datasets(view: View) -> list[str]:
    """Return the datasets that a view reads besides its own: its readers need authorized access to them."""
    return sorted({dataset for dataset, _ in view.reads} - {view.dataset})


def _authorized(view: View) -> list[tuple[str, str, str]]:
    """Return the dataset, the name and the kind of each authorization that a view and its table function need."""
    names = [(view.name, "view")] + ([(view.function, "routine")] if view.function else [])
    return [(dataset, name, kind) for dataset in other_datasets(view) for name, kind in names]


def _access(target: Target, view: View, read: str, name: str, key: str) -> Resource:
    reference = _reference(target, view.dataset, name, {"view": "tableId", "routine": "routineId"}[key])
    store = target.dataset(read)
    label = f"{target.dataset(view.dataset)}.{name} may read {store}"
    return Resource("access", label, {"dataset": store, "entry": {key: reference}})
