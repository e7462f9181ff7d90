"""What the report's tests report: the rows of a small warehouse, two runs in it, and the summary of one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

SECRET = "ada.lovelace@example.com"
HOSTILE = "</script><img src=x onerror=alert(1)>"
RUN, OTHER = "run-1", "run-0"
OLD, NEW = datetime(2004, 3, 10, tzinfo=UTC), datetime(2011, 5, 2, 8, tzinfo=UTC)
SUMMARY: dict[str, Any] = {
    "received": 146,
    "valid": 140,
    "duplicates": 1,
    "dead_letters": 5,
    "by_topic": {
        "iot-events": {"received": 101, "valid": 100, "duplicates": 1, "dead_letters": 0, "late": 2},
        "orders": {"received": 45, "valid": 40, "duplicates": 0, "dead_letters": 5, "late": 0},
    },
    "by_event_type": {"iot.telemetry": {"valid": 100}, "payment.processed": {"valid": 40}},
    "dead_letters_by_code": {"FIELD_FORMAT": 3, "JSON_SYNTAX": 1, "SINK_REJECTED": 1, "EMPTY": 0},
    "seconds": 2.0,
    "cpu_seconds": 1.5,
    "peak_memory_mib": 300.0,
    "run_id": RUN,
    "version": "9.9.9",
    "started": "2026-06-15T12:00:00Z",
}
EMPTY = {
    **SUMMARY,
    **{"received": 0, "valid": 0, "duplicates": 0, "dead_letters": 0},
    **{"by_topic": {}, "by_event_type": {}, "dead_letters_by_code": {}},
}


def identity(number: int, event_type: str, at: datetime, run_id: str = RUN) -> dict[str, Any]:
    """Return the columns with which a typed table begins."""
    return {
        "event_id": f"{run_id}-{event_type}-{number}",
        "event_type": event_type,
        "event_time": at.isoformat(),
        "publish_time": (at + timedelta(milliseconds=10 * number)).isoformat(),
        "message_id": f"m{number}",
        "correlation_id": "flow",
        "run_id": run_id,
    }


def stored(row: dict[str, Any], topic: str) -> dict[str, Any]:
    """Return the event store's row of a typed row."""
    common = {name: value for name, value in row.items() if name in identity(0, "", OLD)}
    data = json.dumps({"email": SECRET})
    return {**common, "source": "s", "topic": topic, "entity_id": "e", "data": data, "ingest_time": NEW.isoformat()}


def metrics(at: datetime, topic: str, received: int, run_id: str = RUN) -> dict[str, Any]:
    counts = {"received": received, "valid": received, "duplicates": 0, "dead_letters": 0, "late": 0}
    start = at.replace(second=0, microsecond=0).isoformat()
    return {
        "window_start": start,
        "topic": topic,
        "mode": "batch",
        **counts,
        "events_per_second": received / 60,
        "run_id": run_id,
    }


def make_dead_letter(number: int, code: str, path: str | None) -> dict[str, Any]:
    return {
        "dead_letter_id": f"d{number}",
        "failed_time": NEW.isoformat(),
        "stage": "data",
        "error_code": code,
        "path": path,
        "error_message": "does not match",
        "topic": "orders",
        "attributes": json.dumps({"who": SECRET}),
        "payload": base64.b64encode(SECRET.encode()).decode(),
        "payload_size": len(SECRET),
        "payload_sha256": "0" * 64,
        "attempt": 1,
        "pipeline_version": "9.9.9",
        "ingest_time": NEW.isoformat(),
        "run_id": RUN,
    }


def saga(order_id: str, state: str, version: int, *, is_open: bool) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "correlation_id": "flow",
        "state": state,
        "started_time": NEW.isoformat(),
        "updated_time": NEW.isoformat(),
        "deadline": (NEW + timedelta(minutes=30)).isoformat() if is_open else None,
        "events": version // 2,
        "version": version,
        "run_id": RUN,
    }


def rows() -> dict[str, list[dict[str, Any]]]:
    """Return the warehouse's rows by `dataset.table`: one device in 2004, forty orders in 2011, of two runs."""
    telemetry = [
        {
            **identity(n, "iot.telemetry", OLD + timedelta(hours=n)),
            **{"device_id": "d-1", "metric": "t", "value": 20.0 + n % 5, "unit": "C"},
        }
        for n in range(100)
    ]
    payments = [
        {
            **identity(n, "payment.processed", NEW + timedelta(minutes=30 * n)),
            **{"payment_id": f"p{n}", "order_id": f"o{n}", "amount": "12.50", "currency": "GBP" if n else "EUR"},
        }
        for n in range(40)
    ]
    orders = [{**identity(n, "order.created", NEW), "order_id": f"o{n}", "customer_id": "c"} for n in range(3)]
    elsewhere = {
        **identity(7, "iot.telemetry", OLD, OTHER),
        **{"device_id": "another-run", "metric": "t", "value": 1.0},
    }
    return {
        "event_store.events": [
            *(stored(row, "iot-events") for row in telemetry),
            *(stored(row, "orders") for row in payments),
            stored(elsewhere, "iot-events"),
        ],
        "event_store.dead_letters": [
            make_dead_letter(1, "FIELD_FORMAT", "data.items[0].sku"),
            make_dead_letter(2, "FIELD_FORMAT", "data.items[17].sku"),
            make_dead_letter(3, "FIELD_FORMAT", HOSTILE),
            make_dead_letter(4, "JSON_SYNTAX", None),
        ],
        "analytics.iot_telemetry": [*telemetry, elsewhere],
        "analytics.payment_events": payments,
        "analytics.order_events": orders,
        "analytics.pipeline_metrics": [
            *(metrics(OLD + timedelta(hours=n), "iot-events", 1 + (n == 50)) for n in range(100)),
            *(metrics(NEW + timedelta(minutes=30 * n), "orders", 1 + (n < 5)) for n in range(40)),
            metrics(NEW, "inventory", 1_000_000, OTHER),
        ],
        "analytics.order_sagas": [
            saga("o0", "PAID", 4, is_open=True),
            saga("o0", "COMPLETED", 6, is_open=False),
            saga("o1", "PAID", 5, is_open=True),
            saga(HOSTILE, "CREATED", 2, is_open=True),
        ],
        "analytics.saga_alerts": [
            {
                "order_id": order_id,
                "correlation_id": "flow",
                "alert": alert,
                "alert_time": NEW.isoformat(),
                "run_id": run_id,
            }
            for order_id, alert, run_id in (
                ("o0", "SAGA_STUCK", RUN),
                ("o0", "SAGA_STUCK", OTHER),
                ("o1", "SAGA_STUCK", RUN),
                ("o0", "SAGA_RECOVERED", RUN),
            )
        ],
    }
