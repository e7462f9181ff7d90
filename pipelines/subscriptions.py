"""Which subscriptions a live run reads: one option a topic, for the command `stream` and for its template."""

import argparse

from pipelines.errors import UserError
from transforms.sources.pulled_topics import TopicSubscription

OPTION_OF = {"orders": "orders", "customers": "customers", "inventory": "inventory", "iot-events": "iot_events"}


def add_subscription_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option a topic."""
    group = parser.add_argument_group("subscriptions (any of them, one a topic)")
    for topic, option in OPTION_OF.items():
        group.add_argument(f"--{option}", metavar="SUB", help=f"{topic}: a name, or projects/P/subscriptions/S")
    group.add_argument(
        "--pubsub_project", metavar="P", help="project of subscriptions given by name (--project, else local-dev)"
    )


def subscriptions_of(args: argparse.Namespace) -> list[TopicSubscription]:
    """Return the subscriptions that are named; UserError where there is none."""
    project = args.pubsub_project or args.project or "local-dev"
    subscriptions = []
    for topic, option in OPTION_OF.items():
        if name := getattr(args, option):
            path = name if "/" in name else f"projects/{project}/subscriptions/{name}"
            subscriptions.append(TopicSubscription(topic, path))
    if not subscriptions:
        raise UserError("--orders, --customers, --inventory, --iot_events: at least one subscription is needed")
    return subscriptions
