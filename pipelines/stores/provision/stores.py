"""Read the existing resources from BigQuery, and execute a plan, with Google's client."""

from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import bigquery

from pipelines.errors import RunFailed
from pipelines.stores.provision.plan import Action, Plan, Step
from pipelines.stores.provision.resources import DEFAULT_LOCATION, Body, Resource

Existing = dict[tuple[str, str], Body]


def read_existing(client: bigquery.Client, resources: list[Resource]) -> Existing:
    """Return the REST bodies of the resources that exist, by (kind, name), with their current kind."""
    found: Existing = {}
    names = {resource.name for resource in resources}
    try:
        for resource in resources:
            if resource.kind == "dataset":
                found |= _read_dataset(client, resource.name, names)
    except GoogleAPICallError as error:
        raise RunFailed(f"reading the existing resources: {error.message}") from error
    return found


def _read_dataset(client: bigquery.Client, dataset: str, names: set[str]) -> Existing:
    reference = bigquery.DatasetReference(client.project, dataset)
    try:
        found: Existing = {("dataset", dataset): client.get_dataset(reference).to_api_repr()}
    except NotFound:
        return {}
    for item in client.list_tables(reference):
        if (name := f"{dataset}.{item.table_id}") in names:
            kind = {"TABLE": "table", "VIEW": "view"}.get(item.table_type, item.table_type.lower())
            found[kind, name] = client.get_table(item.reference).to_api_repr()
    for routine in client.list_routines(reference):
        if (name := f"{dataset}.{routine.routine_id}") in names:
            found["function", name] = client.get_routine(routine.reference).to_api_repr()
    return found


def apply_plan(client: bigquery.Client, plan: Plan) -> None:
    """Execute every step; RunFailed names the step that BigQuery rejected."""
    for step in plan.steps:
        if step.action in (Action.CREATE, Action.CHANGE):
            try:
                _MAKE[step.resource.kind](client, step)
            except GoogleAPICallError as error:
                raise RunFailed(f"{step.resource.kind} {step.resource.name}: {error.message}") from error


def _make_dataset(client: bigquery.Client, step: Step) -> None:
    body: Body = step.body or {}
    if step.action is Action.CREATE:
        client.create_dataset(bigquery.Dataset.from_api_repr({"location": DEFAULT_LOCATION, **body}))
    else:
        client.update_dataset(bigquery.Dataset.from_api_repr(body), list(step.changed))


def _make_table(client: bigquery.Client, step: Step) -> None:
    table = bigquery.Table.from_api_repr(step.body or {})
    if step.action is Action.CREATE:
        client.create_table(table)
    else:
        client.update_table(table, list(step.changed))


def _make_view(client: bigquery.Client, step: Step) -> None:
    """Create the view, then describe its columns: BigQuery determines their names and types."""
    body: Body = {key: value for key, value in (step.body or {}).items() if key != "schema"}
    changed = [key for key in step.changed if key != "schema"]
    if step.action is Action.CREATE:
        client.create_table(bigquery.Table.from_api_repr(body))
    elif changed:
        client.update_table(bigquery.Table.from_api_repr(body), changed)
    created = client.get_table(bigquery.TableReference.from_api_repr(body["tableReference"])).to_api_repr()
    wanted = {field["name"]: field["description"] for field in step.resource.body["schema"]["fields"]}
    fields = [{**field, "description": wanted.get(field["name"], "")} for field in created["schema"]["fields"]]
    client.update_table(bigquery.Table.from_api_repr({**created, "schema": {"fields": fields}}), ["schema"])


def _make_function(client: bigquery.Client, step: Step) -> None:
    routine = bigquery.Routine.from_api_repr(step.body or {})
    if step.action is Action.CREATE:
        client.create_routine(routine)
    else:
        client.update_routine(routine, ["type_", "language", "arguments", "body", "description"])


def _make_access(client: bigquery.Client, step: Step) -> None:
    wanted: Any = step.resource.body
    dataset = client.get_dataset(bigquery.DatasetReference(client.project, wanted["dataset"])).to_api_repr()
    dataset["access"] = [*dataset.get("access", []), wanted["entry"]]
    client.update_dataset(bigquery.Dataset.from_api_repr(dataset), ["access"])


_MAKE = {
    "dataset": _make_dataset,
    "table": _make_table,
    "view": _make_view,
    "function": _make_function,
    "access": _make_access,
}
