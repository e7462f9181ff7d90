"""Answer REST calls on datasets, tables, views, routines and rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.http.handler import Call
from pipelines.bigquery_emulator.sql.schema_changes import change_schema, create_routine, create_view, drop_routine
from pipelines.bigquery_emulator.store.arrow_insert import BatchInserter
from pipelines.bigquery_emulator.store.catalog import Resource
from pipelines.bigquery_emulator.store.types import quoted, row_bytes
from pipelines.bigquery_emulator.store.warehouse import EMPTY_COLUMN, Warehouse
from pipelines.bigquery_emulator.values.json_rows import RowError, convert_row, to_batch
from pipelines.bigquery_emulator.values.partition_limits import stream_bounds
from pipelines.bigquery_emulator.values.results import Result

_IDS = {"dataset": "datasetId", "table": "tableId", "routine": "routineId"}


class Resources:
    """The endpoints of datasets, tables and routines."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._catalog = warehouse.catalog
        self._inserter = BatchInserter(warehouse)

    def _representation(self, kind: str, resource: Resource) -> Resource:
        """Return the representation of a resource in answers."""
        reference = {**resource[f"{kind}Reference"], "projectId": self._warehouse.project}
        name = ".".join(str(reference[key]) for key in ("datasetId", "tableId", "routineId") if key in reference)
        representation = {
            **resource,
            f"{kind}Reference": reference,
            "kind": f"bigquery#{kind}",
            "id": f"{self._warehouse.project}:{name}",
        }
        if kind == "table" and resource.get("type") == "TABLE":
            cursor = self._warehouse.cursor()
            table = quoted(reference["datasetId"], reference["tableId"])
            rows = cursor.execute(f"select count(*) from {table}").fetchall()[0][0]
            cursor.close()
            size = rows * row_bytes(resource.get("schema", {}).get("fields", []))
            representation |= {"numRows": str(rows), "numBytes": str(size), "location": "US"}
        return representation

    def _listed(self, kind: str, call: Call, resources: list[Resource]) -> dict[str, Any]:
        """Return one page of a listing."""
        start, count = int(call.params.get("pageToken") or 0), int(call.params.get("maxResults") or 1000)
        page = [
            {**r, f"{kind}Reference": {**r[f"{kind}Reference"], "projectId": self._warehouse.project}}
            for r in resources
        ]
        shown_keys = (
            "type",
            "labels",
            "friendlyName",
            "view",
            "timePartitioning",
            "clustering",
            "creationTime",
            "etag",
            "location",
        )
        for item in page:
            for key in set(item) - {f"{kind}Reference", *shown_keys, "routineType", "language"}:
                item.pop(key)
            item["kind"] = f"bigquery#{kind}"
        answer: dict[str, Any] = {
            "kind": f"bigquery#{kind}List",
            f"{kind}s": page[start : start + count],
            "totalItems": len(page),
        }
        if start + count < len(page):
            answer["nextPageToken"] = str(start + count)
        return answer

    def list_datasets(self, call: Call) -> dict[str, Any]:
        """datasets.list."""
        return self._listed("dataset", call, self._catalog.all("dataset"))

    def insert_dataset(self, call: Call) -> dict[str, Any]:
        """datasets.insert."""
        return self._representation("dataset", self._warehouse.create_dataset(call.json()))

    def get_dataset(self, call: Call) -> dict[str, Any]:
        """datasets.get."""
        return self._representation("dataset", self._catalog.dataset(call.path[1]))

    def patch_dataset(self, call: Call) -> dict[str, Any]:
        """datasets.patch and datasets.update."""
        name = call.path[1]
        with self._warehouse.transaction():
            merged = _merged(call, self._catalog.dataset(name), "datasetReference")
            return self._representation("dataset", self._catalog.save("dataset", name, "", merged))

    def delete_dataset(self, call: Call) -> None:
        """datasets.delete."""
        self._warehouse.drop_dataset(call.path[1], contents=call.params.get("deleteContents", "").lower() == "true")

    def list_tables(self, call: Call) -> dict[str, Any]:
        """tables.list."""
        self._catalog.dataset(call.path[1])
        return self._listed("table", call, self._catalog.all("table", call.path[1]))

    def insert_table(self, call: Call) -> dict[str, Any]:
        """tables.insert, of a table or a view."""
        body = call.json()
        name = body["tableReference"]["tableId"]
        body["tableReference"] = {"datasetId": call.path[1], "tableId": name}
        if "view" in body:
            return self._representation("table", create_view(self._warehouse, call.path[1], name, body))
        return self._representation("table", self._warehouse.create_table(call.path[1], name, body))

    def get_table(self, call: Call) -> dict[str, Any]:
        """tables.get."""
        return self._representation("table", self._catalog.table(call.path[1], call.path[3]))

    def patch_table(self, call: Call) -> dict[str, Any]:
        """tables.patch and tables.update: add columns, replace a view's query, change metadata."""
        dataset, name = call.path[1], call.path[3]
        with self._warehouse.lock:
            known = self._catalog.table(dataset, name)
            merged = _merged(call, known, "tableReference")
            if "view" in merged and merged["view"] != known.get("view"):
                return self._representation("table", create_view(self._warehouse, dataset, name, merged, replace=True))
            return self._representation("table", change_schema(self._warehouse, dataset, name, merged))

    def delete_table(self, call: Call) -> None:
        """tables.delete."""
        self._warehouse.drop_table(call.path[1], call.path[3])

    def list_rows(self, call: Call) -> dict[str, Any]:
        """tabledata.list."""
        fields = self._warehouse.fields(call.path[1], call.path[3])
        chosen = [name.lower() for name in call.params.get("selectedFields", "").split(",") if name]
        fields = [field for field in fields if not chosen or field["name"].lower() in chosen]
        start, count = (
            call.params.get("pageToken") or call.params.get("startIndex") or "0",
            call.params.get("maxResults"),
        )
        table = quoted(call.path[1], call.path[3])
        names = ", ".join(quoted(field["name"]) for field in fields) or EMPTY_COLUMN
        cursor = self._warehouse.cursor()
        try:
            total = cursor.execute(f"select count(*) from {table}").fetchall()[0][0]
            limit = min(int(count or 50_000), 50_000)
            order = "" if "view" in self._catalog.table(call.path[1], call.path[3]) else "order by rowid"
            rows = Result.of(cursor, f"select {names} from {table} {order} limit {limit} offset {int(start)}").table
        finally:
            cursor.close()
        page = Result(fields, rows).page({**call.params, "startIndex": "0", "pageToken": ""})
        sent = len(page.get("rows", []))
        page |= {"kind": "bigquery#tableDataList", "totalRows": str(total)}
        page.pop("pageToken", None)
        if sent and int(start) + sent < total:
            page["pageToken"] = str(int(start) + sent)
        return page

    def insert_all(self, call: Call) -> dict[str, Any]:
        """tabledata.insertAll: an invalid row rejects the whole request, unless skipInvalidRows."""
        body = call.json()
        dataset, name = call.path[1], call.path[3]
        fields = self._warehouse.fields(dataset, name)
        bounds = stream_bounds(self._catalog.table(dataset, name), self._warehouse.today())
        good, errors = [], []
        for index, row in enumerate(body.get("rows", [])):
            try:
                values = row.get("json", {})
                if any(rule.holds(values.get(rule.column)) for rule in call.reject_requests):
                    raise ApiError("invalid", "The request is rejected (fault script)")
                for rule in call.row_errors:
                    if rule.holds(values.get(rule.column)):
                        raise RowError(rule.column, rule.reason)
                converted = convert_row(fields, values, ignore_unknown=bool(body.get("ignoreUnknownValues")))
                if bounds is not None and not bounds.hold(converted[bounds.column]):
                    raise RowError(bounds.column, bounds.message(converted[bounds.column]))
                good.append(converted)
            except RowError as error:
                rejection = {
                    "reason": "invalid",
                    "location": error.location,
                    "debugInfo": "",
                    "message": str(error),
                }
                errors.append({"index": index, "errors": [rejection]})
        if errors and not body.get("skipInvalidRows"):
            bad = {error["index"] for error in errors}
            stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
            errors += [{"index": i, "errors": [stopped]} for i in range(len(body["rows"])) if i not in bad]
            good = []
        if good:
            try:
                self._inserter.insert(dataset, name, to_batch(good, fields))
            except (pa.ArrowException, OverflowError) as error:
                raise ApiError("invalid", str(error)) from None
        answer: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
        return {**answer, "insertErrors": errors} if errors else answer

    def list_routines(self, call: Call) -> dict[str, Any]:
        """routines.list."""
        self._catalog.dataset(call.path[1])
        return self._listed("routine", call, self._catalog.all("routine", call.path[1]))

    def insert_routine(self, call: Call) -> dict[str, Any]:
        """routines.insert."""
        body = call.json()
        name = body["routineReference"]["routineId"]
        return self._representation("routine", create_routine(self._warehouse, call.path[1], name, body))

    def get_routine(self, call: Call) -> dict[str, Any]:
        """routines.get."""
        return self._representation("routine", self._catalog.routine(call.path[1], call.path[3]))

    def update_routine(self, call: Call) -> dict[str, Any]:
        """routines.update."""
        dataset, name = call.path[1], call.path[3]
        body = {**self._catalog.routine(dataset, name), **call.json()}
        return self._representation("routine", create_routine(self._warehouse, dataset, name, body, replace=True))

    def delete_routine(self, call: Call) -> None:
        """routines.delete."""
        drop_routine(self._warehouse, call.path[1], call.path[3])


def _merged(call: Call, known: Resource, reference: str) -> Resource:
    """Return a resource after patch (keys are merged, null removes) or update (keys are replaced)."""
    etag = call.headers.get("If-Match")
    if etag and etag != known.get("etag"):
        raise ApiError("conditionNotMet", "Precondition Failed: the resource has changed since it was read")
    body = call.json()
    merged = {**known, **body} if call.method == "PATCH" else {**body, "type": known.get("type", "TABLE")}
    merged = {key: value for key, value in merged.items() if value is not None}
    if isinstance(merged.get("labels"), dict):
        merged["labels"] = {key: value for key, value in merged["labels"].items() if value is not None}
    return {**merged, reference: known[reference]}
