"""Faults of the envelope: a JSON object that breaks one rule of the envelope (docs/data-contract.md)."""

from typing import Final

from pipelines.simulator.clock import HOUR, SECOND, rfc3339
from pipelines.simulator.event import SOURCE_OF, TOPICS
from pipelines.simulator.message_mutation import Draft, Fault


def _missing(draft: Draft) -> bytes:
    return draft.drop(
        draft.one_of("eventId", "eventType", "eventTime", "source", "data", "metadata", "metadata.correlationId")
    )


def _wrong_type(draft: Draft) -> bytes:
    path, value = draft.one_of(
        ("eventId", 12345),
        ("eventType", ["order.created"]),
        ("source", {"name": "order-service"}),
        ("data", []),
        ("data", "{}"),
        ("metadata", "none"),
        ("metadata.correlationId", 7),
        ("metadata.causationId", True),
    )
    return draft.put(path, value)


def _no_uuid(draft: Draft) -> bytes:
    path = draft.one_of("eventId", "metadata.correlationId", "metadata.causationId")
    good = draft.event_id
    return draft.put(
        path,
        draft.one_of(
            good.replace("-", ""), f"{{{good}}}", f" {good}", f"urn:uuid:{good}", good[:-1], "evt-1", "../../etc", ""
        ),
    )


def _content_type(draft: Draft) -> bytes:
    kinds = ("text/plain", "application/xml", "application/octet-stream", "application/avro")
    return draft.put("dataContentType", draft.one_of(*kinds))


def _unknown_type(draft: Draft) -> bytes:
    name = draft.event.event_type
    return draft.put("eventType", draft.one_of(name.upper(), name.title(), "order.deleted", f"{name}.v2", f" {name}"))


def _other_topic(draft: Draft) -> bytes:
    draft.topic = draft.one_of(*(topic for topic in TOPICS if topic != draft.topic))
    return draft.dumps()


def _other_source(draft: Draft) -> bytes:
    right = draft.tree["source"]
    others = [source for source in SOURCE_OF.values() if source != right]
    return draft.put("source", draft.one_of(right.title(), right.upper(), "test", *others))


def _no_time(draft: Draft) -> bytes:
    good = rfc3339(draft.event.time_us)
    return draft.put(
        "eventTime",
        draft.one_of(
            good[:-1],
            good[:10],
            str(draft.event.time_us // SECOND),
            "2024-02-30T00:00:00Z",
            "2016-12-31T23:59:60Z",
            f"{good[:10]}T24:30:00Z",
            f"{good[:10]}T12:00:00 CET",
            "yesterday",
            "",
        ),
    )


def _time_out_of_range(draft: Draft) -> bytes:
    """Return a time out of range; relative to the publish time only if that is known."""
    times = ["1999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
    if not draft.absolute:
        times.append(rfc3339(draft.publish_us + 301 * SECOND))
        times.append(rfc3339(draft.publish_us + draft.rng.randrange(1, 48) * HOUR))
    return draft.put("eventTime", draft.one_of(*times))


def _other_content(draft: Draft) -> bytes:
    """Reuse the id of an earlier event for other content."""
    data = draft.tree["data"]
    if "amount" in data:
        return draft.put("data.amount", "0.01")
    if "quantity" in data:
        return draft.put("data.quantity", data["quantity"] + 1)
    if "value" in data:
        return draft.put("data.value", data["value"] + 1)
    key = next(iter(data))
    return draft.put(f"data.{key}", data[key] + "-other")


FAULTS: Final = (
    Fault("envelope", "MISSING_FIELD", (_missing,)),
    Fault("envelope", "FIELD_TYPE", (_wrong_type,)),
    Fault("envelope", "FIELD_FORMAT", (_no_uuid,)),
    Fault("envelope", "CONTENT_TYPE", (_content_type,)),
    Fault("envelope", "UNKNOWN_EVENT_TYPE", (_unknown_type,)),
    Fault("envelope", "TOPIC_MISMATCH", (_other_topic,)),
    Fault("envelope", "SOURCE_NOT_ALLOWED", (_other_source,)),
    Fault("envelope", "TIME_FORMAT", (_no_time,)),
    Fault("envelope", "TIME_RANGE", (_time_out_of_range,)),
    Fault("identity", "EVENT_ID_CONFLICT", (_other_content,), keeps_id=True),
)
