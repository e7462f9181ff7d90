"""Pub/Sub subscriber clients, and which of their errors are permanent.

With PUBSUB_EMULATOR_HOST Google's client keeps gRPC's default receive limit of 4 MiB, and every response over it fails:
100 messages of 42 KB are never read. The client made here has a limit that fits Pub/Sub's largest message, 10 MB.
"""

import os
from typing import Any

import grpc
from google.api_core.exceptions import (
    FailedPrecondition,
    Forbidden,
    GoogleAPICallError,
    InvalidArgument,
    NotFound,
    Unauthenticated,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud import pubsub_v1
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

EMULATOR_VARIABLE = "PUBSUB_EMULATOR_HOST"
RECEIVE_BYTES = 128 << 20
"""Largest response of the emulator that is accepted, bytes. It puts up to 100 messages of up to 10 MB into one."""
_NO_CREDENTIALS = "no valid credentials; `gcloud auth application-default login` makes new ones"
_PLUGIN_FAILED = "metadata from plugin failed"
_ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (NotFound, "it does not exist; create it or correct the name"),
    (InvalidArgument, "the name is malformed; the form is projects/PROJECT/subscriptions/NAME"),
    (
        Forbidden,
        "access is denied; give the account roles/pubsub.subscriber and roles/pubsub.viewer on it",
    ),
    (Unauthenticated, "the credentials are not accepted; `gcloud auth application-default login` makes new ones"),
    (FailedPrecondition, "it cannot be pulled from; use a pull subscription that is not detached"),
    (GoogleAuthError, _NO_CREDENTIALS),
)


def emulator_host() -> str | None:
    """Return host:port of the Pub/Sub emulator that the environment names, or None for Google's service."""
    return os.environ.get(EMULATOR_VARIABLE) or None


def subscriber_client() -> Any:
    """Return a subscriber client for Google's service or the emulator."""
    if (host := emulator_host()) is None:
        return pubsub_v1.SubscriberClient()
    options = [
        ("grpc.max_receive_message_length", RECEIVE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),
    ]
    return pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(host, options)))


def is_permanent(error: Exception) -> bool:
    """Tell whether the same call fails again however often it is retried."""
    if isinstance(error, GoogleAuthError):
        return not error.retryable
    if isinstance(error, GoogleAPICallError):
        return any(isinstance(error, kind) for kind, _ in _ADVICE)
    return True


def describe_pubsub_error(error: Exception) -> str:
    """Return what is wrong with a subscription and what to do, one line, for what the client raised. It quotes no data."""
    kind = type(error).__name__
    advice = next((text for known, text in _ADVICE if isinstance(error, known)), None)
    if advice is None and isinstance(error, GoogleAPICallError):
        where = emulator_host()
        address = f"the Pub/Sub emulator at {where} ({EMULATOR_VARIABLE})" if where else "Pub/Sub"
        advice = f"{address} does not answer; check that it runs and can be reached"
        if _PLUGIN_FAILED in str(error):  # how gRPC reports an error of google-auth
            advice = _NO_CREDENTIALS
    return f"{advice or 'an unexpected error'} ({kind})"
