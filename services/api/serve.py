"""Run the service: its stores, its application, and uvicorn with TLS 1.3 and bounded connections."""

import ssl
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

from schemas.message import TOPICS
from services.api.app import Dependencies, create_app
from services.api.auth.api_keys import ApiKeys, KeyFileError
from services.api.auth.authenticate import Authenticator
from services.api.auth.jwks import KeySet
from services.api.auth.tokens import TokenRules, TokenVerifier
from services.api.data.analytics import Analytics, Queries
from services.api.data.publisher import PubSubPublisher, topic_names
from services.api.data.reader import ReadModel
from services.api.http.limits import RateLimiter
from services.api.http.protocol import BoundedProtocol
from services.api.options import ApiConfig, ConfigError
from transforms.clock import wall_us

MAX_REQUESTS = 512
"""Requests and connections at once; more are answered with 503 at once."""
KEEP_ALIVE_SECONDS = 65
"""Longer than the proxies of Google Cloud keep a connection that is idle: they end it, not the service."""
DRAIN_SECONDS = 20


def dependencies_of(config: ApiConfig, queries: Queries | None) -> Dependencies:
    """Open what the application works with.

    Raises:
        ConfigError: a file of an option cannot be used.
    """
    tokens = None
    if config.jwks is not None:
        rules = TokenRules(issuer=config.issuer or "", audience=config.audience or "", skew_seconds=config.skew_seconds)
        tokens = TokenVerifier(rules, KeySet(config.jwks))
    try:
        keys = ApiKeys(config.api_keys, wall=wall_us) if config.api_keys is not None else None
    except (OSError, KeyFileError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"--api_keys {config.api_keys}: {reason}") from None
    publisher = None
    if config.publish_project is not None:
        publisher = PubSubPublisher(topic_names(config.publish_project, TOPICS))
    return Dependencies(
        read_model=ReadModel(config.read_model, connections=config.connections),
        analytics=Analytics(queries),
        publisher=publisher,
        authenticator=Authenticator(tokens=tokens, keys=keys),
        limiter=RateLimiter(config.requests_per_second, config.burst),
        max_body_bytes=config.max_body_bytes,
        token_url=config.token_url,
    )


def make_server(config: ApiConfig, queries: Queries | None = None, **more: Any) -> uvicorn.Server:
    """Return a server that is ready to run.

    Args:
        config: the options.
        queries: BigQuery; None: figures and records as of a time are unavailable.
        more: settings of uvicorn that tests change.
    """
    app = create_app(dependencies_of(config, queries))
    settings: dict[str, Any] = {
        "host": config.host,
        "port": config.port,
        "http": BoundedProtocol,
        "ws": "none",
        "log_level": "warning",
        "access_log": False,  # a path holds ids of customers; the metrics have route, status and latency
        "server_header": False,
        "date_header": True,
        "proxy_headers": False,
        "limit_concurrency": MAX_REQUESTS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": DRAIN_SECONDS,
        "lifespan": "on",
        **more,
    }
    if config.tls_certificate is not None:
        settings["ssl_certfile"], settings["ssl_keyfile"] = config.tls_certificate, config.tls_key
        settings["ssl_context_factory"] = _tls_1_3
    try:
        made = uvicorn.Config(app, **settings)
        made.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"--tls_certificate {config.tls_certificate}: cannot be used ({type(error).__name__})"
        ) from None
    return uvicorn.Server(made)


def _tls_1_3(_config: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def serve(config: ApiConfig, queries: Queries | None = None) -> int:
    """Run until a signal ends the process; return its exit code."""
    server = make_server(config, queries)
    scheme = "https" if config.tls_certificate is not None else "http"
    where = f"{scheme}://{config.host}:{config.port}/api/v1"
    print(f"serving {where}, read model {config.read_model}; Ctrl-C or SIGTERM ends it", flush=True)
    server.run()
    if not server.started:
        print(f"--host {config.host} --port {config.port}: cannot be listened on", file=sys.stderr)
        return 1
    return 0
