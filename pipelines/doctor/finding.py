"""One line of the report of `doctor`, and the deployment that it checks."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.message import TOPICS


@dataclass(frozen=True)
class Finding:
    """What was checked; if it is wrong, the problem and the command that fixes it."""

    what: str
    problem: str = ""
    fix: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem

    def __str__(self) -> str:
        if self.ok:
            return f"ok     {self.what}"
        return f"WRONG  {self.what}: {self.problem}" + (f"\n         fix: {self.fix}" if self.fix else "")


@dataclass(frozen=True)
class Deployment:
    """The names of all resources, as Terraform derives them from project and prefix."""

    project: str
    region: str
    lake: str
    temp: str
    templates: str
    worker: str
    image: str
    secret: str | None
    subnetwork: str | None
    kms_key: str | None
    streaming_spec: str
    event_store: str
    analytics: str
    topics: Mapping[str, str]
    subscriptions: Mapping[str, str]
    saga_alerts: str
    max_workers: int
    machine_type: str
    public_ips: bool = False

    @property
    def cores(self) -> int:
        """Return the CPUs of all workers at most, from the last number of the machine type."""
        last = self.machine_type.rsplit("-", 1)[-1]
        return self.max_workers * (int(last) if last.isdigit() else 1)


def topic_names(topics: list[str] | None = None) -> dict[str, str]:
    """Return the Pub/Sub topic of each short name."""
    return {topic: f"{topic}-topic" for topic in (topics or TOPICS)}


def subscription_names(prefix: str, topics: list[str] | None = None) -> dict[str, str]:
    """Return the subscription of each short name."""
    return {topic: f"{prefix}-{topic}" for topic in (topics or TOPICS)}
