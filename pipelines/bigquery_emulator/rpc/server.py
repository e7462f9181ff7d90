"""The gRPC server of both storage APIs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from pipelines.bigquery_emulator.rpc.token_check import TokenCheck

TABLE_NAME = re.compile(r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)")
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # what gRPC lets through, so that the service itself can reject what is too large
_GRACE_SECONDS = 0.5  # an open append connection has no end of its own
_THREADS = 256  # an open append connection holds one; they are started as they are needed


class GrpcServer:
    """A gRPC server on a port of the loopback interface; 0 is a free one."""

    def __init__(self, handlers: Iterable[grpc.GenericRpcHandler], token: str, port: int = 0) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "bigquery-grpc")
        options = [("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(self._threads, interceptors=(TokenCheck(token),), options=options)
        self._server.add_generic_rpc_handlers(tuple(handlers))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def close(self) -> None:
        """Stop, and wait for the calls under way: none is to hold the warehouse when it closes."""
        self._server.stop(_GRACE_SECONDS).wait()
        self._threads.shutdown(wait=True)


def message_class(name: str) -> Any:
    """Return the protocol buffer class of a type of the storage APIs."""
    return getattr(types, name).pb()


def unary(call: Callable[..., Any], request: str) -> grpc.RpcMethodHandler:
    """Return the handler of a call with one request and one answer."""
    return grpc.unary_unary_rpc_method_handler(call, message_class(request).FromString, _serialized)


def server_stream(call: Callable[..., Any], request: str) -> grpc.RpcMethodHandler:
    """Return the handler of a call with one request and many answers."""
    return grpc.unary_stream_rpc_method_handler(call, message_class(request).FromString, _serialized)


def both_streams(call: Callable[..., Any], request: str) -> grpc.RpcMethodHandler:
    """Return the handler of a call with many requests and many answers."""
    return grpc.stream_stream_rpc_method_handler(call, message_class(request).FromString, _serialized)


def _serialized(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
