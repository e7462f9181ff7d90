"""Google's Pub/Sub emulator on this machine: found, started as a java process, ended by its pid."""

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1

from pipelines.errors import RunFailed, UserError
from pipelines.runners.prism import free_port

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
    """Return the emulator's jar: PUBSUB_EMULATOR_JAR, or the newest one in the gcloud SDK's own place."""
    if given := os.environ.get(JAR_VARIABLE):
        return Path(given) if Path(given).is_file() else None
    gcloud = shutil.which("gcloud")
    beside = [str(Path(gcloud).resolve().parent.parent)] if gcloud else []
    folders = (*beside, *_SDK_FOLDERS, str(Path.home() / "google-cloud-sdk"))
    found = sorted(jar for folder in folders for jar in Path(folder).glob(_IN_SDK))
    return found[-1] if found else None


def missing() -> str | None:
    """Say what is missing to run the emulator, or None."""
    if shutil.which("java") is None:
        return f"java is not on the PATH; {HINT}"
    if find_jar() is None:
        return f"the emulator's jar is not found; {HINT}"
    return None


class Emulator:
    """A running emulator on a free port of loopback; `with` ends it. Topics and subscriptions are made by name."""

    def __init__(self, log: Path, project: str = "local-dev", heap: str = "512m") -> None:
        if (reason := missing()) is not None:
            raise UserError(reason)
        self.project = project
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        command = ["java", f"-Xmx{heap}", "-jar", str(find_jar()), "--host=127.0.0.1", f"--port={port}"]
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.pid = self._process.pid
        limit = time.monotonic() + START_SECONDS
        while not _answers(self.host):
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise RunFailed(f"the Pub/Sub emulator did not start; see {log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()  # it holds nothing that must be kept
            self._process.wait()

    def environment(self) -> Mapping[str, str]:
        """Return the environment of a process that is to use this emulator."""
        return {**os.environ, HOST_VARIABLE: self.host}

    def make(self, names: Iterable[str], ack_deadline_seconds: int = 10) -> dict[str, tuple[str, str]]:
        """Make a topic and a subscription of each name; return their paths."""
        os.environ[HOST_VARIABLE] = self.host
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        made = {}
        for name in names:
            topic = publisher.topic_path(self.project, f"{name}-topic")
            subscription = subscriber.subscription_path(self.project, f"{name}-sub")
            with suppress(AlreadyExists):
                publisher.create_topic(name=topic)
            with suppress(AlreadyExists):
                subscriber.create_subscription(
                    name=subscription, topic=topic, ack_deadline_seconds=ack_deadline_seconds
                )
            made[name] = (topic, subscription)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def publisher() -> Any:
    """Return a publisher that sends in large batches."""
    settings = pubsub_v1.types.BatchSettings(max_messages=500, max_bytes=5_000_000, max_latency=0.02)
    return pubsub_v1.PublisherClient(settings)


def _answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}/", timeout=1) as answer:
            return bool(answer.read().strip() == b"Ok")
    except OSError:
        return False
