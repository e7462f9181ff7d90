"""Parameters with which the tests launch each template."""

PARAMETERS: dict[str, dict[str, str]] = {
    "streaming": {
        "pipeline": "streaming",
        "orders": "projects/my-project/subscriptions/event-pipelines-orders",
        "iot_events": "event-pipelines-iot-events",
        "lake": "gs://my-lake/lake",
        "accept_cloudevents": "true",
        "window_seconds": "60",
    },
}
