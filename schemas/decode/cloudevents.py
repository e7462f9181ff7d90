"""CloudEvents 1.0 as another form of the envelope: structured JSON, or `ce-` message attributes.

See docs/data-contract.md#envelope.
"""

from typing import Any

from schemas.decode.envelope import FIELDS

_FROM_STRUCTURED = {
    "id": "eventId",
    "type": "eventType",
    "time": "eventTime",
    "source": "source",
    "datacontenttype": "dataContentType",
    "data": "data",
}
_METADATA = {"correlationid": "correlationId", "causationid": "causationId"}
_OWN = FIELDS.difference(_FROM_STRUCTURED)
"""Names that only the envelope has: an object that speaks them is no CloudEvent, whatever its `specversion`."""


def from_cloudevent(event: dict[str, Any], attributes: dict[str, str]) -> dict[str, Any]:
    """Return the envelope of a CloudEvent; anything that is no CloudEvent 1.0 is returned as it is."""
    if event.get("specversion") == "1.0":
        return event if _OWN.intersection(event) else _rename(event)
    if attributes.get("ce-specversion") == "1.0" or attributes.get("ce_specversion") == "1.0":
        head: dict[str, Any] = {key[3:]: value for key, value in attributes.items() if key.startswith(("ce-", "ce_"))}
        if "datacontenttype" not in head and "content-type" in attributes:
            head["datacontenttype"] = attributes["content-type"]
        return event if _OWN.intersection(head) else _rename({**head, "data": event})
    return event


def _rename(event: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    envelope: dict[str, Any] = {"metadata": metadata}
    for key, value in event.items():
        if key in _METADATA:
            metadata[_METADATA[key]] = value
        elif key != "specversion":
            envelope[_FROM_STRUCTURED.get(key, key)] = value
    return envelope
