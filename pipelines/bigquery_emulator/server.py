"""Run an emulator in this process: start it over a DuckDB file and close it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from pipelines.bigquery_emulator import private_files
from pipelines.bigquery_emulator.access_token import new_token, with_token
from pipelines.bigquery_emulator.address_file import FILE_NAME, WarehouseLocked, read_address, write_address
from pipelines.bigquery_emulator.faults.injector import Faults
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.memory import DUCKDB_MIB
from pipelines.bigquery_emulator.rest.file_access import FileAccess
from pipelines.bigquery_emulator.rest.jobs import Jobs
from pipelines.bigquery_emulator.routes import rest_server
from pipelines.bigquery_emulator.rpc.server import GrpcServer
from pipelines.bigquery_emulator.storage_read import service as storage_read
from pipelines.bigquery_emulator.storage_write import service as storage_write
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.store.write_streams import Streams


class BigQueryEmulator:
    """Serve BigQuery's REST, Storage Read and Storage Write APIs over one DuckDB file, on the loopback interface.

    It runs in threads of this process from its construction to `close()`; `with` closes it. Meanwhile
    `warehouse.address.json` is next to the file (and a copy at `address_file`). `rest_url` and `grpc_target` carry the
    token that every request must have. `port` and `grpc_port` are ports to listen on, 0 a free one. Load jobs read files
    below the warehouse's folder and `load_folders`, and no others.
    """

    def __init__(
        self,
        path: Path,
        *,
        faults: FaultScript | None = None,
        project: str = "local",
        address_file: Path | None = None,
        memory_mib: int = DUCKDB_MIB,
        port: int = 0,
        grpc_port: int = 0,
        load_folders: Iterable[Path] = (),
    ) -> None:
        self.path = path
        self.project = project
        private_files.begin()
        with ExitStack() as started:  # closes what is already open when a later step fails
            started.callback(private_files.end)
            path.parent.mkdir(parents=True, exist_ok=True)
            for file in (path, path.with_name(f"{path.name}.wal")):
                private_files.restrict(file)
            try:
                self._warehouse = Warehouse(path, project, memory_mib)
            except duckdb.IOException as error:
                raise WarehouseLocked(_locked(path, error)) from None
            started.callback(self._warehouse.close)
            self._streams = Streams(path.with_name(f"{path.name}.pending"))
            started.callback(self._streams.close)
            self._faults = Faults(faults)
            token = new_token()
            files = FileAccess([path.parent, *load_folders])
            jobs = Jobs(self._warehouse, files)
            services = (
                storage_write.handlers(storage_write.WriteService(self._warehouse, self._streams, self._faults)),
                storage_read.handlers(storage_read.ReadService(self._warehouse, jobs.find_result)),
            )
            self._grpc = GrpcServer(services, token, grpc_port)
            started.callback(self._grpc.close)
            self._rest = rest_server(self._warehouse, jobs, self._faults, token, port)
            started.callback(self._rest.server_close)
            rest, grpc = f"http://127.0.0.1:{self._rest.server_address[1]}", f"127.0.0.1:{self._grpc.port}"
            self.rest_url, self.grpc_target = with_token(rest, token), with_token(grpc, token)
            self._addresses = [path.parent / FILE_NAME, *([address_file] if address_file else [])]
            for address in self._addresses:
                write_address(address, rest, grpc, token)
                started.callback(address.unlink, missing_ok=True)
            started.callback(self._stop)
            self._thread = threading.Thread(
                target=self._rest.serve_forever, args=(0.1,), name="bigquery-rest", daemon=True
            )
            self._thread.start()
            self._started = started.pop_all()

    @property
    def failed(self) -> bool:
        """Whether DuckDB has ended the database; only opening the file again helps."""
        return self._warehouse.failed.is_set()

    def close(self) -> None:
        """Stop the servers, checkpoint and close the file, remove the address files. A second call does nothing."""
        self._started.close()

    def _stop(self) -> None:
        for address in self._addresses:
            address.unlink(missing_ok=True)
        self._faults.end()
        self._grpc.close()
        self._rest.shutdown()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _locked(path: Path, error: duckdb.IOException) -> str:
    address = read_address(path.parent)
    if address is not None:
        return f"{path} is held by a running BigQuery emulator (process {address.pid}) at {address.rest}"
    return f"{path} cannot be opened, perhaps another process holds it: {str(error).splitlines()[0]}"
