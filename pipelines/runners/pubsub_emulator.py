"""Google's Pub/Sub emulator on this machine: find its jar, and run it as a child process."""

import os
import shutil
import signal
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1

from pipelines.errors import UserError
from pipelines.runners.child_process import ChildProcess
from pipelines.runners.prism import free_port, home_folder

HOST_VARIABLE = "PUBSUB_EMULATOR_HOST"
JAR_VARIABLE = "PUBSUB_EMULATOR_JAR"
START_SECONDS = 60.0
_IN_SDK = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"
_SDK_FOLDERS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/snap/google-cloud-sdk/current",
)
HINT = (
    "the Pub/Sub emulator needs java and its jar: apt-get install default-jre-headless google-cloud-cli-pubsub-emulator"
    f" (or gcloud components install pubsub-emulator), or name the jar in {JAR_VARIABLE}"
)


def find_jar() -> Path | None:
    """Return the emulator's jar: PUBSUB_EMULATOR_JAR, or the newest one in the gcloud SDK."""
    if given := os.environ.get(JAR_VARIABLE):
        return Path(given) if Path(given).is_file() else None
    gcloud = shutil.which("gcloud")
    beside = [str(Path(gcloud).resolve().parent.parent)] if gcloud else []
    home = home_folder()
    folders = (*beside, *_SDK_FOLDERS, *([str(home / "google-cloud-sdk")] if home is not None else []))
    found = sorted(jar for folder in folders for jar in Path(folder).glob(_IN_SDK))
    return found[-1] if found else None


def missing() -> str | None:
    """Say what is missing to run the emulator, or None."""
    if shutil.which("java") is None:
        return f"java is not on the PATH; {HINT}"
    if find_jar() is None:
        return f"the emulator's jar is not found; {HINT}"
    return None


class Emulator(ChildProcess):
    """A running emulator on a free port of loopback; `with` ends it. Topics and subscriptions are created by name.

    Args:
        log: file to which its output is appended.
        project: the project of topics and subscriptions.
        heap: Java's maximum heap, as `-Xmx` takes it.
    """

    def __init__(self, log: Path, project: str = "local-dev", heap: str = "512m") -> None:
        if (reason := missing()) is not None:
            raise UserError(reason)
        self.project = project
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        command = ["java", f"-Xmx{heap}", "-jar", str(find_jar()), "--host=127.0.0.1", f"--port={port}"]
        # It keeps no state, and takes seconds to end on SIGTERM.
        super().__init__("the Pub/Sub emulator", command, log=log, stop_signal=signal.SIGKILL)
        self.wait_until(lambda: _answers(self.host), START_SECONDS)

    def environment(self) -> Mapping[str, str]:
        """Return the environment of a process that is to use this emulator."""
        return {**os.environ, HOST_VARIABLE: self.host}

    def make(self, names: Iterable[str], ack_deadline_seconds: int = 10) -> dict[str, tuple[str, str]]:
        """Create a topic and a subscription of each name; return their paths."""
        os.environ[HOST_VARIABLE] = self.host
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        created = {}
        for name in names:
            topic = publisher.topic_path(self.project, f"{name}-topic")
            subscription = subscriber.subscription_path(self.project, f"{name}-sub")
            with suppress(AlreadyExists):
                publisher.create_topic(name=topic)
            with suppress(AlreadyExists):
                subscriber.create_subscription(
                    name=subscription, topic=topic, ack_deadline_seconds=ack_deadline_seconds
                )
            created[name] = (topic, subscription)
        return created


def publisher() -> Any:
    """Return a publisher that sends in large batches."""
    settings = pubsub_v1.types.BatchSettings(max_messages=500, max_bytes=5_000_000, max_latency=0.02)
    return pubsub_v1.PublisherClient(settings)


def _answers(host: str) -> bool:
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
        with opener.open(f"http://{host}/", timeout=1) as answer:
            return bool(answer.read().strip() == b"Ok")
    except OSError:
        return False
