"""Look every subscription up before a streaming run starts, so that a wrong one fails the start instead of being silent.

A subscription of another topic would turn every message into a dead letter. Its real topic is therefore compared with
the option that it was given by.
"""

import re
import time
from collections.abc import Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

from pipelines.errors import RunFailed, UserError
from transforms.sources.pubsub_client import (
    EMULATOR_VARIABLE,
    describe_pubsub_error,
    emulator_host,
    is_permanent,
    subscriber_client,
)
from transforms.sources.pulled_topics import TopicSubscription

LOOK_UP_SECONDS = 4.0
"""Timeout of one look-up."""
ANSWER_SECONDS = 8.0
"""How long a look-up is retried when nothing answers."""
DELETED_TOPIC = "_deleted-topic_"
OVERRIDE = "--allow_topic_mismatch"


def check_subscriptions(
    subscriptions: Sequence[TopicSubscription], *, allow_topic_mismatch: bool = False, client: Any = None
) -> None:
    """Raise unless every subscription exists, can be pulled from, and is one of its topic.

    Args:
        subscriptions: what is to be read.
        allow_topic_mismatch: accept topics whose name does not contain the short name of the option's topic, and
            several subscriptions of one topic.
        client: a subscriber client; None makes one.

    Raises:
        UserError: a subscription is wrong.
        RunFailed: Pub/Sub does not answer.
    """
    _check_distinct(subscriptions)
    host = emulator_host()
    if host is not None and "://" in host:
        raise UserError(f"{EMULATOR_VARIABLE}={host}: give HOST:PORT without a scheme")
    try:
        client = client or subscriber_client()
    except GoogleAuthError as error:
        raise UserError(f"{option_of(subscriptions[0])}: {describe_pubsub_error(error)}") from None
    options: dict[str, str] = {}
    for given in subscriptions:
        found = _look_up(client, given)
        check_kind(given, found)
        if allow_topic_mismatch:
            continue
        check_topic(given, found.topic)
        if (other := options.setdefault(found.topic, option_of(given))) != option_of(given):
            raise UserError(f"{option_of(given)}: is of the same topic as {other}; give each its own, or {OVERRIDE}")


def option_of(given: TopicSubscription) -> str:
    """Return the option and value that a subscription was given by."""
    return f"--{given.topic.replace('-', '_')} {given.subscription}"


def check_topic(given: TopicSubscription, topic: str) -> None:
    """Raise UserError unless a subscription's real topic is named after the topic of its option.

    Args:
        topic: `projects/P/topics/T`.
    """
    if topic == DELETED_TOPIC:
        raise UserError(f"{option_of(given)}: its topic was deleted; to read what is left, add {OVERRIDE}")
    name = topic.rsplit("/", 1)[-1]
    if _alphanumeric(given.topic) not in _alphanumeric(name):
        raise UserError(
            f"{option_of(given)}: is a subscription of {topic}, not of a topic for {given.topic};"
            f" if that topic is named otherwise, add {OVERRIDE}"
        )


def check_kind(given: TopicSubscription, found: Any) -> None:
    """Raise UserError for a subscription that cannot be pulled from: one that pushes or exports, or is detached."""
    kinds = {
        "a push subscription": found.push_config.push_endpoint,
        "a BigQuery subscription": found.bigquery_config.table,
        "a Cloud Storage subscription": found.cloud_storage_config.bucket,
        "detached from its topic": found.detached,
    }
    for kind, is_set in kinds.items():
        if is_set:
            raise UserError(f"{option_of(given)}: is {kind}; give a pull subscription")


def _check_distinct(subscriptions: Sequence[TopicSubscription]) -> None:
    options: dict[str, str] = {}
    for given in subscriptions:
        if (other := options.setdefault(given.subscription, given.topic)) != given.topic:
            raise UserError(
                f"{option_of(given)}: is given for --{other.replace('-', '_')} too; give each topic its own subscription"
            )


def _look_up(client: Any, given: TopicSubscription) -> Any:
    limit = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return client.get_subscription(subscription=given.subscription, retry=None, timeout=LOOK_UP_SECONDS)
        except (GoogleAPICallError, GoogleAuthError) as error:
            line = f"{option_of(given)}: {describe_pubsub_error(error)}"
            if is_permanent(error):
                raise UserError(line) from None
            if time.monotonic() + 1 > limit:
                raise RunFailed(line) from None
            time.sleep(0.5)


def _alphanumeric(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
