"""Reject gRPC calls that do not carry the emulator's token in their metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from pipelines.bigquery_emulator.access_token import authorized

_MESSAGE = "The call does not carry the token of this server (see its address file)"


class TokenCheck(grpc.ServerInterceptor):
    """Answer UNAUTHENTICATED before the handler of a call sees it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Return the call's handler, or one that rejects it."""
        for key, value in handler_call_details.invocation_metadata or ():
            if key == "authorization" and isinstance(value, str) and authorized(value, self._token):
                return continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(_reject)


def _reject(_: Any, context: grpc.ServicerContext) -> Any:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, _MESSAGE)
