"""Run jobs: queries, loads and copies. Each runs inside the call that inserts it and is DONE when the call returns."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines.bigquery_emulator.errors import ApiError, already_exists, from_duckdb, not_found
from pipelines.bigquery_emulator.http.handler import Call
from pipelines.bigquery_emulator.http.uploads import Uploads
from pipelines.bigquery_emulator.rest.file_access import FileAccess
from pipelines.bigquery_emulator.rest.load_jobs import copy_tables, load_rows
from pipelines.bigquery_emulator.rest.query_jobs import run_query
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.values.results import RESULTS_DATASET, Result

_KEPT_JOBS, _KEPT_REQUESTS = 10_000, 1_000
_KEPT_RESULT_BYTES = 128 * 1024 * 1024  # the newest result is kept whatever its size
JOB_KINDS = ("query", "load", "copy")


@dataclass
class _Job:
    resource: dict[str, Any]
    result: Result | None = None
    error: ApiError | None = None


class Jobs:
    """The endpoints of jobs and queries."""

    def __init__(self, warehouse: Warehouse, files: FileAccess) -> None:
        self._warehouse = warehouse
        self._files = files
        self._uploads = Uploads()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._by_request: OrderedDict[str, _Job] = OrderedDict()
        self._lock = threading.Lock()

    def insert(self, call: Call) -> dict[str, Any]:
        """jobs.insert."""
        return self._run(call.json()).resource

    def upload(self, call: Call) -> dict[str, Any]:
        """jobs.insert with the data to load, in one request or resumable."""
        complete = self._uploads.receive(call)
        return self._run(complete[0], complete[1]).resource if complete else {}

    def get(self, call: Call) -> dict[str, Any]:
        """jobs.get."""
        return self._job(call.path[1]).resource

    def cancel(self, call: Call) -> dict[str, Any]:
        """jobs.cancel: has no effect, since every job is DONE."""
        return {"kind": "bigquery#jobCancelResponse", "job": self._job(call.path[1]).resource}

    def list(self, call: Call) -> dict[str, Any]:
        """jobs.list, newest first."""
        with self._lock:
            newest = [job.resource for job in reversed(self._jobs.values())][: int(call.params.get("maxResults") or 50)]
        return {"kind": "bigquery#jobList", "jobs": [{**job, "state": "DONE"} for job in newest]}

    def query(self, call: Call) -> dict[str, Any]:
        """jobs.query."""
        body = call.json()
        request = body.get("requestId", "")
        with self._lock:
            job = self._by_request.get(request)
        if job is None:  # else the client retries after a lost reply: DML must not run twice
            job = self._run({"configuration": {"query": body, "dryRun": body.get("dryRun", False)}})
            with self._lock:
                if request:
                    self._by_request[request] = job
        options = {f"formatOptions.{key}": str(value) for key, value in body.get("formatOptions", {}).items()}
        requested = {"maxResults": str(body["maxResults"])} if body.get("maxResults") is not None else {}
        return self._results(job, {**options, **requested})

    def results(self, call: Call) -> dict[str, Any]:
        """jobs.getQueryResults."""
        return self._results(self._job(call.path[1]), call.params)

    def find_result(self, name: str) -> Result | None:
        """Return the result of a query job, None when it is no longer kept."""
        with self._lock:
            job = self._jobs.get(name)
            return job.result if job is not None else None

    def _job(self, name: str) -> _Job:
        with self._lock:
            if name not in self._jobs:
                raise not_found("Job", f"{self._warehouse.project}:US.{name}")
            return self._jobs[name]

    def _results(self, job: _Job, params: dict[str, str]) -> dict[str, Any]:
        if job.error is not None:
            raise job.error
        query = job.resource["statistics"].get("query", {})
        answer: dict[str, Any] = {
            "kind": "bigquery#getQueryResultsResponse",
            "jobReference": job.resource["jobReference"],
            "jobComplete": True,
            "cacheHit": False,
            "totalBytesProcessed": query.get("totalBytesProcessed", "0"),
        }
        if job.result is None:
            return {**answer, "schema": query.get("schema", {"fields": []}), "totalRows": "0"}
        answer |= {"schema": {"fields": job.result.fields}, **job.result.page(params)}
        if job.result.affected is not None:
            answer["numDmlAffectedRows"] = str(job.result.affected)
            answer.pop("totalRows")
        return answer

    def _run(self, body: dict[str, Any], data: bytes | None = None) -> _Job:
        """Run a job and keep it; an error becomes part of the job."""
        reference = body.get("jobReference", {})
        name = reference.get("jobId") or f"job_{uuid.uuid4().hex}"
        configuration = body.get("configuration", {})
        kind = next((kind for kind in JOB_KINDS if kind in configuration), None)
        if kind is None:
            raise ApiError("notImplemented", f"The BigQuery emulator supports {', '.join(JOB_KINDS)} jobs only")
        resource: dict[str, Any] = {
            "kind": "bigquery#job",
            "id": f"{self._warehouse.project}:US.{name}",
            "jobReference": {"projectId": self._warehouse.project, "jobId": name, "location": "US"},
            "configuration": {**configuration, "jobType": kind.upper()},
            "user_email": "nobody@localhost",
        }
        job = _Job(resource)
        with self._lock:
            if name in self._jobs:
                raise already_exists("Job", resource["id"])
            self._jobs[name] = job
        started = _milliseconds()
        statistics: dict[str, Any] = {"creationTime": started, "startTime": started}
        status: dict[str, Any] = {"state": "DONE"}
        try:
            if kind == "query":
                dry = bool(configuration.get("dryRun"))
                job.result, statistics["query"] = run_query(self._warehouse, configuration["query"], dry_run=dry)
                self._name_result(job, name)
                statistics["totalBytesProcessed"] = statistics["query"]["totalBytesProcessed"]
            elif kind == "load":
                statistics["load"] = load_rows(self._warehouse, self._files, configuration["load"], data)
            else:
                statistics["copy"] = copy_tables(self._warehouse, configuration["copy"])
        except (ApiError, duckdb.Error) as error:
            job.error = error if isinstance(error, ApiError) else from_duckdb(error)
            if configuration.get("dryRun"):
                with self._lock:
                    del self._jobs[name]
                raise job.error from None
            status["errorResult"] = {
                "reason": job.error.reason,
                "message": job.error.message,
                "location": "query",
            }
            status["errors"] = [status["errorResult"]]
        except BaseException:
            with self._lock:
                del self._jobs[name]
            raise
        resource |= {"status": status, "statistics": {**statistics, "endTime": _milliseconds()}}
        self._forget_old()
        return job

    def _name_result(self, job: _Job, name: str) -> None:
        """Name the anonymous table from which the Storage Read API reads the result of a query."""
        if job.result is not None and job.result.fields and not job.resource["configuration"].get("dryRun"):
            table = {"projectId": self._warehouse.project, "datasetId": RESULTS_DATASET, "tableId": name}
            query = job.resource["configuration"]["query"]
            job.resource["configuration"]["query"] = {"destinationTable": table, **query}

    def _forget_old(self) -> None:
        with self._lock:
            while len(self._jobs) > _KEPT_JOBS:
                self._jobs.popitem(last=False)
            while len(self._by_request) > _KEPT_REQUESTS:
                self._by_request.popitem(last=False)
            room = _KEPT_RESULT_BYTES
            for job in [job for job in self._jobs.values() if job.result is not None][::-1]:
                if room < 0 and job.result is not None and job.result.table.num_rows:
                    job.result = None
                    job.error = ApiError("notFound", "The result of this job is no longer kept")
                elif job.result is not None:
                    room -= job.result.table.nbytes


def _milliseconds() -> str:
    return str(int(time.time() * 1000))
