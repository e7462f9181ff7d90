"""The subscriptions that a streaming run reads: one option per topic, for the command `stream` and for its template."""

import argparse
import re

from pipelines.command_options.streaming import OPTION_OF as OPTION_OF
from pipelines.errors import UserError
from transforms.sources.pulled_topics import TopicSubscription

_PATH = re.compile(r"projects/[a-z0-9.:-]+/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def subscriptions_of(args: argparse.Namespace) -> list[TopicSubscription]:
    """Return the subscriptions that the options name; UserError if there is none or a name is malformed."""
    project = args.pubsub_project or args.project or "local-dev"
    subscriptions = []
    for topic, option in OPTION_OF.items():
        if name := getattr(args, option):
            path = name if "/" in name else f"projects/{project}/subscriptions/{name}"
            if not _PATH.fullmatch(path):
                raise UserError(f"--{option} {name}: is not a subscription's name, nor projects/P/subscriptions/S")
            subscriptions.append(TopicSubscription(topic, path))
    if not subscriptions:
        raise UserError("--orders, --customers, --inventory, --iot_events: at least one subscription is needed")
    return subscriptions
