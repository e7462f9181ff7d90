"""The IoT domain: iot.telemetry, one measurement of one device."""

from schemas.models.field_types import Id, Number, Payload, Text, optional


class Telemetry(Payload):
    """A device measured a metric."""

    deviceId: Id
    metric: Id
    value: Number
    unit: Text = optional()
