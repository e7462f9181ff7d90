"""The three flex templates: which command each runs, which of its options are parameters, and why the others are not."""

from collections.abc import Mapping
from dataclasses import dataclass

SERVICE_OPTIONS = {
    "project": "the service sets it for every launch",
    "runner": "a template runs on Dataflow",
    "help": "is not an option of a run",
}
LAPTOP_OPTIONS = {
    "output": "a local folder; a template writes to the project's datasets and --lake",
    "prism_location": "Prism runs on a laptop",
    "direct_num_workers": "the workers are Dataflow's",
    "faults": "injects faults into the BigQuery emulator",
    "overwrite": "a local folder",
    "pii_key_file": "a file of this machine; --pii_key_secret names the key in Secret Manager",
}


@dataclass(frozen=True)
class Template:
    """One flex template. `left_out` gives the reason for every option of the command that is not a parameter."""

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
                "allow_undelivered": "decides an exit code; a Dataflow job has none, and an alert watches undelivered rows",
                "max_messages": "ends a trial run; a Dataflow job is drained",
                "stop_after_idle": "ends a trial run; a Dataflow job is drained",
                "as_of": "the clock of a trial run",
                "linger_ms": "for the Pub/Sub source on Prism; Dataflow has its own",
                "max_in_flight": "for the Pub/Sub source on Prism; Dataflow has its own",
                "max_in_flight_mb": "for the Pub/Sub source on Prism; Dataflow has its own",
                "allow_topic_mismatch": "of the check before a run on Prism",
            },
        ),
        Template(
            "replay",
            "replay",
            "Event pipelines: replay",
            "Processes a range of the archive or the event store again: backfill, rebuild or shadow.",
            False,
            SERVICE_OPTIONS
            | LAPTOP_OPTIONS
            | {
                "dry_run": "prints to a terminal; run the command itself",
                "read_model": "the job does not wait for its own publish; the command `replay` rebuilds the read model",
            },
            ("lake", "mode"),
        ),
        Template(
            "redrive",
            "redrive",
            "Event pipelines: redrive",
            "Repairs dead letters by rules and processes them again.",
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
GOOGLE = "https://dataflow.googleapis.com"
"""The endpoint of the Dataflow service."""
DISPATCH = "pipeline"
"""The parameter that tells the image which template to launch; its only value is the template's name."""
