"""Google's REST services on one loopback port, as far as the doctor uses them: a healthy project, into which tests put faults.

`/SERVICE/PATH` answers from a dictionary; BigQuery but for permissions is passed on to the BigQuery emulator.
"""

import copy
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.dataflow.metadata import container_spec
from pipelines.dataflow.templates import TEMPLATES
from pipelines.doctor.project import SERVICES
from schemas.message import TOPICS

PROJECT, REGION = "my-project", "europe-west1"
WORKER = f"event-pipelines-worker@{PROJECT}.iam.gserviceaccount.com"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/event-pipelines/event-pipelines:0.2.0"
SECRET = f"projects/{PROJECT}/secrets/event-pipelines-pii-key/versions/1"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/r/cryptoKeys/k"
SUBNETWORK = f"regions/{REGION}/subnetworks/pipelines"
SUBSCRIPTION = {
    "ackDeadlineSeconds": 60,
    "messageRetentionDuration": "604800s",
    "expirationPolicy": {},
    "state": "ACTIVE",
}
BUCKET = {
    "location": "EUROPE-WEST1",
    "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
    "softDeletePolicy": {"retentionDurationSeconds": "0"},
    "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 14}}]},
    "versioning": {"enabled": True},
}


def healthy() -> dict[str, Any]:
    """Return what each GET answers in a project where all is well."""
    project = f"projects/{PROJECT}"
    compute = f"compute.googleapis.com/compute/v1/{project}/regions/{REGION}"
    registry = f"artifactregistry.googleapis.com/v1/{project}/locations/{REGION}/repositories/event-pipelines/packages"
    base = f"{PROJECT}-event-pipelines"
    answers: dict[str, Any] = {
        f"cloudresourcemanager.googleapis.com/v3/{project}": {"state": "ACTIVE"},
        f"serviceusage.googleapis.com/v1/{project}/services:batchGet": {
            "services": [
                {"name": f"{project}/services/{service}.googleapis.com", "state": "ENABLED"} for service in SERVICES
            ]
        },
        compute: {
            "status": "UP",
            "quotas": [
                {"metric": name, "limit": 100, "usage": 10} for name in ("CPUS", "INSTANCES", "IN_USE_ADDRESSES")
            ],
        },
        f"{compute}/subnetworks/pipelines": {"privateIpGoogleAccess": True},
        f"iam.googleapis.com/v1/{project}/serviceAccounts/{WORKER}": {"email": WORKER},
        f"secretmanager.googleapis.com/v1/{SECRET}": {"state": "ENABLED"},
        f"cloudkms.googleapis.com/v1/{KEY}": {"primary": {"state": "ENABLED"}},
        f"{registry}/event-pipelines/tags/0.2.0": {"version": "sha256:1"},
        f"storage.googleapis.com/storage/v1/b/{base}-templates/o/streaming.json": container_spec(
            TEMPLATES["streaming"], IMAGE
        ),
    }
    for kind in ("lake", "temp", "templates"):
        answers[f"storage.googleapis.com/storage/v1/b/{base}-{kind}"] = copy.deepcopy(BUCKET)
    answers[f"pubsub.googleapis.com/v1/{project}/topics/event-pipelines-saga-alerts"] = {}
    for topic in TOPICS:
        answers[f"pubsub.googleapis.com/v1/{project}/topics/{topic}-topic"] = {}
        answers[f"pubsub.googleapis.com/v1/{project}/subscriptions/event-pipelines-{topic}"] = {
            **copy.deepcopy(SUBSCRIPTION), "topic": f"{project}/topics/{topic}-topic",
        }  # fmt: skip
    return answers


class GoogleServices:
    """The services: `answers` by path, `rejected` paths (403), `lacking` permissions of the workers."""

    def __init__(self, bigquery_url: str) -> None:
        self.bigquery_url, self.port = bigquery_url, 0
        self.reset()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Make all well again."""
        self.answers = healthy()
        self.rejected: set[str] = set()
        self.lacking: set[str] = set()
        self.changes: list[str] = []

    def find(self, end: str) -> dict[str, Any]:
        """Return the answer whose path ends so."""
        return next(answer for path, answer in self.answers.items() if path.endswith(end))

    def remove(self, end: str) -> None:
        """Take a resource away."""
        self.answers = {path: answer for path, answer in self.answers.items() if not path.endswith(end)}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, bytes]:
        if any(item in path for item in self.rejected):
            return 403, b'{"error": {"message": "permission denied"}}'
        wanted = query.get("permissions") if method == "GET" else None
        if path.endswith(":testIamPermissions"):
            wanted = json.loads(body)["permissions"]
        if wanted is not None:
            return 200, json.dumps({"permissions": [item for item in wanted if item not in self.lacking]}).encode()
        if path.endswith(":generateAccessToken"):
            return 200, b'{"accessToken": "worker"}'
        if method != "GET":
            self.changes.append(path)
        if path in self.answers:
            return 200, json.dumps(self.answers[path]).encode()
        return 404, b'{"error": {"message": "not found"}}'


@contextmanager
def google_services(bigquery_url: str) -> Iterator[GoogleServices]:
    """Run the services on a free loopback port."""
    services = GoogleServices(bigquery_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            path = unquote(parts.path.lstrip("/"))
            if path.startswith("bigquery.googleapis.com/") and not path.endswith("testIamPermissions"):
                code, data = self._pass_on(body)
            else:
                code, data = services.answer(self.command, path, parse_qs(parts.query), body)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _pass_on(self, body: bytes) -> tuple[int, bytes]:
            address, token = split_token(services.bigquery_url)
            url = address + self.path.removeprefix("/bigquery.googleapis.com")
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            request = urllib.request.Request(url, body or None, headers, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    services.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
