"""The three flex templates: which command each runs, what of its options a template takes, and why not the others."""

from collections.abc import Mapping
from dataclasses import dataclass

SERVICE_OPTIONS = {
    "project": "the service gives it to every launch",
    "runner": "a template runs on Dataflow",
    "help": "is not an option of a run",
}
LAPTOP_OPTIONS = {
    "output": "a laptop's folder; a template writes to the project's datasets and --lake",
    "prism_location": "Prism runs on a laptop",
    "direct_num_workers": "the workers are Dataflow's",
    "faults": "makes the loopback BigQuery sick",
    "overwrite": "a laptop's folder",
    "pii_key_file": "a file of this machine; --pii_key_secret names the key in Secret Manager",
}


@dataclass(frozen=True)
class Template:
    """One flex template. `left_out` says of every option of the command that is no parameter why it is none."""

    name: str
    command: str
    title: str
    description: str
    streaming: bool
    left_out: Mapping[str, str]
    required: tuple[str, ...] = ("lake",)


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            "streaming",
            "stream",
            "Event pipelines: streaming",
            "Reads up to four Pub/Sub subscriptions, validates and deduplicates events, and writes them to the event"
            " store, the analytics tables, the lake and the dead-letter store.",
            True,
            SERVICE_OPTIONS
            | LAPTOP_OPTIONS
            | {
                "max_messages": "a trial's end; a Dataflow job is drained",
                "stop_after_idle": "a trial's end; a Dataflow job is drained",
                "as_of": "a trial's clock",
                "linger_ms": "of the pulling source for Prism; Dataflow has its own",
                "max_in_flight": "of the pulling source for Prism; Dataflow has its own",
            },
        ),
        Template(
            "replay",
            "replay",
            "Event pipelines: replay",
            "Runs a stretch of history again from the archive or the event store: backfill, rebuild or shadow.",
            False,
            SERVICE_OPTIONS | LAPTOP_OPTIONS | {"dry_run": "prints to a terminal; run the command itself"},
            ("lake", "source", "mode"),
        ),
        Template(
            "redrive",
            "redrive",
            "Event pipelines: redrive",
            "Repairs dead letters by rules and sends them through the pipeline again.",
            False,
            SERVICE_OPTIONS
            | LAPTOP_OPTIONS
            | {
                "dry_run": "prints to a terminal; run the command itself",
                "check": "tests a rules file; run the command itself",
            },
        ),
    )
}
DISPATCH = "pipeline"
"""The parameter by which the one image knows which template it launches; its only value is the template's name."""
