"""Check topics and subscriptions. Features that help other consumers harm Dataflow: dead-letter policies, retries, ordering.

https://cloud.google.com/dataflow/docs/concepts/streaming-with-cloud-pubsub#unsupported-features
"""

from collections.abc import Iterator

from pipelines.doctor.finding import Deployment, Finding
from pipelines.doctor.google_api import Google, Json, NotFound

SERVICE = "pubsub.googleapis.com"
LEAST_RETENTION_S = 7 * 86_400
LEAST_ACK_S = 60


def check_topics(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the topics exist, including the one for saga alerts."""
    for name in (*want.topics.values(), want.saga_alerts):
        try:
            google.get(SERVICE, f"v1/projects/{want.project}/topics/{name}")
            yield Finding(f"topic {name}")
        except NotFound:
            fix = f"gcloud pubsub topics create {name} --project={want.project}"
            yield Finding(f"topic {name}", "does not exist", fix)


def check_subscriptions(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the subscriptions exist and suit Dataflow."""
    for topic, name in want.subscriptions.items():
        path = f"projects/{want.project}/topics/{want.topics[topic]}"
        try:
            found = google.get(SERVICE, f"v1/projects/{want.project}/subscriptions/{name}")
        except NotFound:
            fix = (
                f"gcloud pubsub subscriptions create {name} --topic={path} --project={want.project}"
                " --ack-deadline=60 --message-retention-duration=7d --expiration-period=never"
            )
            yield Finding(f"subscription {name}", "does not exist", fix)
            continue
        problems = list(_problems(found, path, name, want.project))
        yield from (Finding(f"subscription {name}", problem, fix) for problem, fix in problems)
        if not problems:
            yield Finding(f"subscription {name}")


def _problems(found: Json, topic: str, name: str, project: str) -> Iterator[tuple[str, str]]:
    update = f"gcloud pubsub subscriptions update {name} --project={project}"
    recreate = (
        f"gcloud pubsub subscriptions delete {name} --project={project}, and create it again: this cannot be changed"
    )
    if found.get("topic") != topic:
        yield f"reads {found.get('topic')}, not {topic}", recreate
    if found.get("deadLetterPolicy"):
        yield (
            "has a dead-letter topic: Dataflow's own retries look like failures to it",
            f"{update} --clear-dead-letter-policy",
        )
    if found.get("retryPolicy"):
        yield "has a retry policy, which Dataflow ignores", f"{update} --clear-retry-policy"
    if found.get("enableMessageOrdering"):
        yield "has message ordering: it slows Dataflow, and the views do not need it", recreate
    if found.get("enableExactlyOnceDelivery"):
        yield "has exactly-once delivery: Dataflow does that itself", f"{update} --no-enable-exactly-once-delivery"
    if found.get("filter"):
        yield "has a filter: messages outside it are never stored", recreate
    if (
        (found.get("pushConfig") or {}).get("pushEndpoint")
        or found.get("bigqueryConfig")
        or found.get("cloudStorageConfig")
    ):
        yield "is not a pull subscription", f'{update} --push-endpoint=""'
    if _seconds(found.get("messageRetentionDuration", "0s")) < LEAST_RETENTION_S:
        yield "keeps messages for less than 7 days", f"{update} --message-retention-duration=7d"
    if int(found.get("ackDeadlineSeconds", 0)) < LEAST_ACK_S:
        yield (
            f"ack deadline under {LEAST_ACK_S} s: messages are delivered again to slow workers",
            f"{update} --ack-deadline=60",
        )
    if (found.get("expirationPolicy") or {}).get("ttl"):
        yield "expires with all its messages when a job is down for long", f"{update} --expiration-period=never"


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))
