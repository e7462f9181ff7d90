"""The loopback BigQuery as one object: start it over a DuckDB file, talk to it with Google's clients, close it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from pipelines.bigquery_emulator.address_file import FILE_NAME, WarehouseLocked, read_address, write_address
from pipelines.bigquery_emulator.faults.injector import Faults
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.routes import rest_server
from pipelines.bigquery_emulator.storage_write.service import WriteServer, WriteService
from pipelines.bigquery_emulator.store.warehouse import MEMORY_MIB, Warehouse
from pipelines.bigquery_emulator.store.write_streams import Streams


class LoopbackBigQuery:
    """BigQuery's REST API and Storage Write API over one DuckDB file, on free ports of loopback.

    It runs in threads of this process from its construction to `close()`; `with` closes it. Meanwhile
    `warehouse.address.json` stands beside the file (`address_file`: elsewhere too).
    """

    def __init__(
        self,
        path: Path,
        *,
        faults: FaultScript | None = None,
        project: str = "local",
        address_file: Path | None = None,
        memory_mib: int = MEMORY_MIB,
    ) -> None:
        self.path = path
        self.project = project
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._warehouse = Warehouse(path, project, memory_mib)
        except duckdb.IOException as error:
            raise WarehouseLocked(_locked(path, error)) from None
        self._streams = Streams(path.with_name(f"{path.name}.pending"))
        self._faults = Faults(faults)
        self._rest = rest_server(self._warehouse, self._faults)
        self._write = WriteServer(WriteService(self._warehouse, self._streams, self._faults))
        self.rest_url = f"http://127.0.0.1:{self._rest.server_address[1]}"
        self.grpc_target = f"127.0.0.1:{self._write.port}"
        self._thread = threading.Thread(target=self._rest.serve_forever, args=(0.1,), name="bigquery-rest", daemon=True)
        self._thread.start()
        self._addresses = [path.parent / FILE_NAME, *([address_file] if address_file else [])]
        try:
            for address in self._addresses:
                write_address(address, self.rest_url, self.grpc_target)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Stop both servers, write the file whole and remove the address; a second call does nothing."""
        if not self._thread.is_alive():
            return
        for address in self._addresses:
            address.unlink(missing_ok=True)
        self._faults.end()
        self._write.close()
        self._rest.shutdown()
        self._thread.join()
        self._rest.server_close()
        self._streams.close()
        self._warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _locked(path: Path, error: duckdb.IOException) -> str:
    address = read_address(path.parent)
    if address is not None:
        return f"{path} is held by a running loopback BigQuery (process {address.pid}) at {address.rest}"
    return f"{path} cannot be opened, perhaps another process holds it: {str(error).splitlines()[0]}"
