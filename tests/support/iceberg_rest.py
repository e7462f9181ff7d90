"""A loopback Iceberg REST catalog over pyiceberg's SQLite catalog: the calls that a commit makes, with their conflicts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableRequest
from pyiceberg.table.sorting import SortOrder

_STATUS = {
    NoSuchTableError: 404,
    TableAlreadyExistsError: 409,
    NamespaceAlreadyExistsError: 409,
    CommitFailedException: 409,
}


class _Handler(BaseHTTPRequestHandler):
    catalog: SqlCatalog
    asked: list[tuple[str, str, dict[str, str]]]
    lock = Lock()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, dict(self.headers)))
        try:
            with self.lock:
                status, answer = self._call(self.path.partition("?")[0].split("/")[2:], body)
        except tuple(_STATUS) as error:
            status = _STATUS[type(error)]
            answer = {"error": {"message": str(error), "type": type(error).__name__, "code": status}}
        data = json.dumps(answer).encode() if answer is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_HEAD = _answer

    def _call(self, path: list[str], body: bytes) -> tuple[int, Any]:
        match self.command, path:
            case "GET", ["config"]:
                return 200, {"defaults": {}, "overrides": {}}
            case "POST", ["namespaces"]:
                [namespace] = json.loads(body)["namespace"]
                self.catalog.create_namespace(namespace)
                return 200, {"namespace": [namespace], "properties": {}}
            case "POST", ["namespaces", namespace, "tables"]:
                asked = json.loads(body)
                table = self.catalog.create_table(
                    f"{namespace}.{asked['name']}",
                    Schema.model_validate(asked["schema"]),
                    partition_spec=PartitionSpec.model_validate(asked["partition-spec"]),
                    sort_order=SortOrder.model_validate(asked["write-order"]),
                    properties=asked.get("properties", {}),
                )
                return 200, _loaded(table)
            case ("GET" | "HEAD") as method, ["namespaces", namespace, "tables", name]:
                table = self.catalog.load_table(f"{namespace}.{name}")
                return (204, None) if method == "HEAD" else (200, _loaded(table))
            case "POST", ["namespaces", namespace, "tables", name]:
                request = CommitTableRequest.model_validate_json(body)
                table = self.catalog.load_table(f"{namespace}.{name}")
                done = self.catalog.commit_table(table, request.requirements, request.updates)
                return 200, json.loads(done.model_dump_json())
        return 404, {"error": {"message": self.path, "type": "NotFound", "code": 404}}

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _loaded(table: Any) -> dict[str, Any]:
    return {
        "metadata-location": table.metadata_location,
        "metadata": json.loads(table.metadata.model_dump_json()),
        "config": {},
    }


@contextmanager
def rest_catalog(folder: Path) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """Serve a catalog whose tables are in a folder; yield its address and the calls it got."""
    folder.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("served", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=folder.as_uri())
    asked: list[tuple[str, str, dict[str, str]]] = []
    handler = type("Handler", (_Handler,), {"catalog": catalog, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
