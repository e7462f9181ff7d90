"""Storage Write calls in one line: a request out of rows, its answer, a committed PENDING stream."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

from pipelines.bigquery_emulator.client import grpc_channel

Rows = list[dict[str, Any]]


def request(name: str, rows: Rows, schema: pa.Schema, offset: int | None = None) -> types.AppendRowsRequest:
    """Return an AppendRows request that carries its stream's name and schema."""
    made = types.AppendRowsRequest(write_stream=name)
    made.arrow_rows.writer_schema.serialized_schema = schema.serialize().to_pybytes()
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    made.arrow_rows.rows.serialized_record_batch = batch.serialize().to_pybytes()
    if offset is not None:
        made.offset = offset
    return made


def answers(client: BigQueryWriteClient, requests: Iterable[types.AppendRowsRequest]) -> list[Any]:
    """Send requests on one connection and return its answers."""
    return list(client.append_rows(requests=iter(requests), retry=None, timeout=20))


def append(
    client: BigQueryWriteClient, name: str, rows: Rows, schema: pa.Schema, offset: int | None = None
) -> types.AppendRowsResponse:
    """Send one request and return its answer."""
    [answer] = answers(client, [request(name, rows, schema, offset)])
    return answer


def pending(client: BigQueryWriteClient, table: str) -> str:
    """Create a PENDING stream and return its name."""
    stream = client.create_write_stream(
        parent=table, write_stream=types.WriteStream(type_=types.WriteStream.Type.PENDING)
    )
    return str(stream.name)


def commit(client: BigQueryWriteClient, table: str, names: list[str]) -> types.BatchCommitWriteStreamsResponse:
    """Commit streams together."""
    return client.batch_commit_write_streams(types.BatchCommitWriteStreamsRequest(parent=table, write_streams=names))


def write_client(grpc_target: str) -> BigQueryWriteClient:
    """Return a Storage Write client for a BigQuery emulator, on a channel of its own."""
    channel = grpc_channel(grpc_target, [("grpc.use_local_subchannel_pool", 1)])
    return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))
