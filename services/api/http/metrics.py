"""Latency and errors by route, as OpenTelemetry metrics in Prometheus' text.

Attributes are closed sets: the route's template, the method and the status, never a path or a caller.
"""

import time
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest

LATENCY = "http.server.request.duration"
"""Prometheus shows it as http_server_request_duration_seconds."""
BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the aim (0.2) and the alert (0.5) are among them, so that both are exact."""
OTHER = "(none)"
METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class RequestMetrics:
    """The metrics of one service; each has a registry of its own, so that tests do not share numbers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        view = View(instrument_name=LATENCY, aggregation=ExplicitBucketHistogramAggregation(BOUNDS))
        resource = Resource.create({"service.name": "event-pipelines-api"})
        self._provider = MeterProvider([reader], resource=resource, views=[view])
        self._latency = self._provider.get_meter("services.api").create_histogram(
            LATENCY, unit="s", description="Duration of HTTP server requests."
        )

    def record(self, seconds: float, *, route: str, method: str, status: int) -> None:
        """Record one request."""
        attributes: dict[str, Any] = {
            "http.route": route,
            "http.request.method": method if method in METHODS else "_OTHER",
            "http.response.status_code": status,
        }
        self._latency.record(seconds, attributes)

    def text(self) -> bytes:
        """Return Prometheus' text."""
        return generate_latest(self._registry)

    def close(self) -> None:
        """Stop the provider."""
        self._provider.shutdown()


class MeasureRequests:
    """ASGI middleware: records every HTTP request, also one that failed."""

    def __init__(self, app: Any, metrics: RequestMetrics, prefix: str = "") -> None:
        self._app, self._metrics, self._prefix = app, metrics, prefix

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def measured(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, measured)
        finally:
            route = getattr(scope.get("route"), "path", OTHER)
            if route != OTHER and scope["path"].startswith(f"{self._prefix}/") and not route.startswith(self._prefix):
                route = self._prefix + route  # a route of an included router may know its own part only
            self._metrics.record(time.perf_counter() - began, route=route, method=scope["method"], status=status)
