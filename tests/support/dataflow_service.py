"""A loopback Dataflow service: REST v1b3 of jobs and flex templates, strict by Google's protos, everything recorded.

It answers Beam's DataflowRunner and Google's own client; what it does not know is 404. A job's graph is not run.
"""

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.cloud import dataflow_v1beta3 as dataflow
from google.protobuf.json_format import ParseError

JOBS = re.compile(
    r"/v1b3/projects/([^/]+)/(?:locations/([^/]+)/)?jobs(?::aggregated)?(?:/([^/:]+))?(?:/(messages|metrics))?$"
)
LAUNCH = re.compile(r"/v1b3/projects/([^/]+)/locations/([^/]+)/flexTemplates:launch$")
ENDED = {"JOB_STATE_CANCELLED", "JOB_STATE_DRAINED", "JOB_STATE_DONE", "JOB_STATE_UPDATED", "JOB_STATE_FAILED"}


@dataclass
class DataflowService:
    """What the service holds: jobs by id, every request unchanged, and the address."""

    port: int = 0
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    queries: list[tuple[str, str]] = field(default_factory=list)
    """Method and query string of every request."""
    reject: tuple[int, str] | None = None
    """Answer every launch with this status and message."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_job(self, name: str, **more: Any) -> dict[str, Any]:
        """Add a job, in state RUNNING by default."""
        job = {
            "id": f"2026-06-15_12_00_00-{next(self.numbers):06d}",
            "projectId": "my-project",
            "location": "europe-west1",
            "name": name,
            "type": "JOB_TYPE_STREAMING",
            "currentState": "JOB_STATE_RUNNING",
            "createTime": "2026-06-15T12:00:00Z",
            **more,
        }
        self.jobs[job["id"]] = job
        return job

    def sent(self, method: str, part: str) -> list[dict[str, Any]]:
        """Return the bodies of the requests of a method whose path holds `part`."""
        return [body for verb, path, body in self.requests if verb == method and part in path]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one request."""
        if path == "/token":
            return 200, {"access_token": "loopback", "expires_in": 3600, "token_type": "Bearer"}
        self.requests.append((method, path, body))
        if match := LAUNCH.fullmatch(path):
            return self._launch(match[1], match[2], body)
        if match := JOBS.fullmatch(path):
            project, location, job_id, part = match.groups()
            if part == "messages":
                return 200, {"jobMessages": []}
            if part == "metrics":
                return 200, {"metrics": []}
            if method == "POST":
                return self._create(project, location or "us-central1", body)
            if job_id is None:
                return 200, {"jobs": [job for job in self.jobs.values() if job["location"] == location]}
            if job_id in self.jobs:
                if method == "PUT":
                    self._request_state(self.jobs[job_id], body)
                return 200, self.jobs[job_id]
        return 404, _error(404, f"{method} {path} is not here")

    def _create(self, project: str, location: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        running = [
            job for job in self.jobs.values() if job["name"] == body["name"] and job["currentState"] not in ENDED
        ]
        if running and "replaceJobId" not in body:
            return 200, running[0]  # the service returns the job that is there; its clientRequestId tells
        job = self.add_job(
            body["name"],
            projectId=project,
            location=location,
            type=body.get("type", "JOB_TYPE_BATCH"),
            environment=body.get("environment", {}),
            clientRequestId=body.get("clientRequestId", ""),
        )
        return 200, job

    def _launch(self, project: str, location: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.reject is not None:
            return self.reject[0], _error(*self.reject)
        try:
            dataflow.LaunchFlexTemplateRequest.from_json(json.dumps(body), ignore_unknown_fields=False)
        except ParseError as error:
            return 400, _error(400, str(error))
        if body.get("validateOnly"):
            return 200, {}
        job = self.add_job(
            body["launchParameter"]["jobName"], projectId=project, location=location, currentState="JOB_STATE_QUEUED"
        )
        return 200, {"job": job}

    def _request_state(self, job: dict[str, Any], body: dict[str, Any]) -> None:
        wanted = body.get("requestedState", "")
        wanted = dataflow.JobState(wanted).name if isinstance(wanted, int) else wanted
        job["requestedState"] = wanted
        job["currentState"] = {
            "JOB_STATE_DRAINED": "JOB_STATE_DRAINING", "JOB_STATE_CANCELLED": "JOB_STATE_CANCELLING",
        }.get(wanted, job["currentState"])  # fmt: skip


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": "ERROR"}}


@contextmanager
def dataflow_service() -> Iterator[DataflowService]:
    """Run a service on a free loopback port."""
    service = DataflowService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length) if length else b""
            path, _, query = self.path.removeprefix("/sandbox").partition("?")
            service.queries.append((self.command, query))
            code, answer = service.answer(self.command, path, json.loads(raw) if raw[:1] == b"{" else {})
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _handle

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
