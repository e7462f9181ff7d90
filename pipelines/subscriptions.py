"""The subscriptions that a streaming run reads: one option per topic, for the command `stream` and for its template."""

import argparse
import re

from pipelines.errors import UserError
from transforms.sources.pulled_topics import TopicSubscription

OPTION_OF = {"orders": "orders", "customers": "customers", "inventory": "inventory", "iot-events": "iot_events"}
_PATH = re.compile(r"projects/[a-z0-9.:-]+/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def add_subscription_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one option per topic."""
    group = parser.add_argument_group("subscriptions (at least one; one per topic)")
    for topic, option in OPTION_OF.items():
        group.add_argument(f"--{option}", metavar="SUB", help=f"{topic}: a name, or projects/P/subscriptions/S")
    group.add_argument(
        "--pubsub_project", metavar="P", help="project of subscriptions given by name (--project, else local-dev)"
    )


def add_topic_check_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option that turns the check of a subscription's topic off."""
    parser.add_argument(
        "--allow_topic_mismatch",
        action="store_true",
        help="read subscriptions whose topic is not named after their option, such as --orders of a topic `sales`",
    )


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
