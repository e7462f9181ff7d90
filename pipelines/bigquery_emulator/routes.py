"""Map REST paths of BigQuery v2 to the functions that answer them."""

from __future__ import annotations

from pipelines.bigquery_emulator.faults.injector import Faults
from pipelines.bigquery_emulator.http.handler import Call, Endpoint, RestServer
from pipelines.bigquery_emulator.rest.jobs import JOB_KINDS, Jobs
from pipelines.bigquery_emulator.rest.resources import Resources
from pipelines.bigquery_emulator.store.warehouse import Warehouse


def points_of(call: Call) -> tuple[tuple[str, ...], str | None]:
    """Return the call's fault points, except its endpoint's, and the name of its table."""
    if call.path[:1] == ["datasets"]:
        return (), call.path[3] if len(call.path) > 3 and call.path[2] == "tables" else None
    if call.method != "POST" or call.path not in (["jobs"], ["queries"]):
        return (), None
    if call.path == ["queries"]:
        return ("query",), None
    if call.upload:
        return ("load",), None
    configuration = call.json().get("configuration", {})
    kind = next((kind for kind in JOB_KINDS if kind in configuration), None)
    if kind is None:
        return (), None
    return (kind,), configuration[kind].get("destinationTable", {}).get("tableId")


def rest_server(warehouse: Warehouse, jobs: Jobs, faults: Faults, token: str, port: int = 0) -> RestServer:
    """Return the REST server over a warehouse, bound to a port; 0 is a free one."""
    resources = Resources(warehouse)
    dataset, table, routine = "datasets/{}", "datasets/{}/tables/{}", "datasets/{}/routines/{}"
    endpoints = [
        Endpoint("GET", "datasets", "datasets", resources.list_datasets),
        Endpoint("POST", "datasets", "datasets", resources.insert_dataset),
        Endpoint("GET", dataset, "datasets", resources.get_dataset),
        Endpoint("PATCH", dataset, "datasets", resources.patch_dataset),
        Endpoint("PUT", dataset, "datasets", resources.patch_dataset),
        Endpoint("DELETE", dataset, "datasets", resources.delete_dataset),
        Endpoint("GET", f"{dataset}/tables", "tables", resources.list_tables),
        Endpoint("POST", f"{dataset}/tables", "tables", resources.insert_table),
        Endpoint("GET", table, "tables", resources.get_table),
        Endpoint("PATCH", table, "tables", resources.patch_table),
        Endpoint("PUT", table, "tables", resources.patch_table),
        Endpoint("DELETE", table, "tables", resources.delete_table),
        Endpoint("GET", f"{table}/data", "tabledata", resources.list_rows),
        Endpoint("POST", f"{table}/insertAll", "insertAll", resources.insert_all),
        Endpoint("GET", f"{dataset}/routines", "routines", resources.list_routines),
        Endpoint("POST", f"{dataset}/routines", "routines", resources.insert_routine),
        Endpoint("GET", routine, "routines", resources.get_routine),
        Endpoint("PUT", routine, "routines", resources.update_routine),
        Endpoint("DELETE", routine, "routines", resources.delete_routine),
        Endpoint("GET", "jobs", "jobs", jobs.list),
        Endpoint("POST", "jobs", "jobs", jobs.insert),
        Endpoint("GET", "jobs/{}", "jobs", jobs.get),
        Endpoint("POST", "jobs/{}/cancel", "jobs", jobs.cancel),
        Endpoint("POST", "queries", "queries", jobs.query),
        Endpoint("GET", "queries/{}", "queries", jobs.results),
        Endpoint("POST", "jobs", "upload", jobs.upload),
        Endpoint("PUT", "jobs", "upload", jobs.upload),
    ]
    return RestServer(endpoints, faults, points_of, token, port)
