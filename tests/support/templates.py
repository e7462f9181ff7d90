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
    "replay": {
        "pipeline": "replay",
        "source": "archive",
        "mode": "rebuild",
        "from": "2000-01-01T00:00:00Z",
        "to": "2100-01-01T00:00:00Z",
        "topics": "orders,iot-events",
        "lake": "gs://my-lake/lake",
    },
    "redrive": {
        "pipeline": "redrive",
        "codes": "FIELD_TYPE,MISSING_FIELD",
        "rules": "gs://my-lake/rules.yaml",
        "lake": "gs://my-lake/lake",
    },
}
