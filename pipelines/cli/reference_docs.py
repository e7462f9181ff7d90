"""The pages of docs/reference, made of the code: `python -m pipelines.cli.reference_docs docs/reference` writes them anew.

A test holds them equal, so that an option, a code, a table or a metric is never documented otherwise than it is.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.cli.global_options import add_global_options
from pipelines.cli.main import COMMANDS, command_parser
from pipelines.command_options.parser import HelpFormatter, Parser
from schemas.docs.contract_page import stages_of
from schemas.docs.error_codes import EXPLANATIONS, NOTES, show
from schemas.outcomes import Code, Note
from schemas.tables.definitions import SCHEMA_VERSION, TABLES
from schemas.views import all_views
from transforms.metrics import COUNTER_NAMES, DISTRIBUTION_NAMES, NAMESPACE, OUTCOMES, TOPIC_LABELS
from transforms.sinks.bigquery.counters import APPENDED_TABLES, LOST_ROWS, RETRIES
from transforms.sinks.publish_gate import ROWS_MADE, ROWS_REJECTED

MADE = "<!-- made by `python -m pipelines.cli.reference_docs docs/reference`; edit the code, not this page -->"
EXAMPLE_BYTES = 200
SINK_COUNTERS = tuple(one.metric_name.name for one in (RETRIES, *LOST_ROWS.values()))
METRICS = {
    "received": "messages read",
    "valid": "valid events, duplicates left out",
    "duplicate": "events whose eventId was seen before, with the same content",
    "dead_letter": "messages refused",
    "late": "valid events published after their window and its allowed lateness",
    "refused": "messages that a sink refused for good; they stand in the dead-letter files",
    "saga_late": "events of orders that ended longer ago than `--saga_retention_days`",
    "saga_published": "alerts and requested compensations published",
    "saga_publish_failed": "alerts and requested compensations that no topic took",
    ROWS_MADE: "rows that were to be appended to the table",
    ROWS_REJECTED: "rows that the table did not take: SINK_REJECTED and SINK_EXHAUSTED",
    "event_lag_ms": "from eventTime to processed (in a bounded run: to publishTime), milliseconds",
    "publish_lag_ms": "from publishTime to processed, milliseconds; live runs only",
    "sink_retries": "calls to BigQuery that were tried again",
    "sink_rejected": "rows that BigQuery refused for good",
    "sink_exhausted": "rows given up when the budget of retries was used up",
}


def options_page() -> str:
    """Return every command with its options, their defaults and what they mean."""
    parts = [
        "# Commands and their options",
        "",
        MADE,
        "",
        "`event-pipelines COMMAND`, or `python -m pipelines COMMAND`.",
    ]
    common = Parser(prog="event-pipelines", add_help=False)
    add_global_options(common)
    parts += ["", "## Every command", "", *_tables(common, "event-pipelines")]
    for name in COMMANDS:
        parts += ["", f"## {name}", "", *_command(command_parser(name), f"event-pipelines {name}")]
    return "\n".join(parts) + "\n"


def _command(parser: argparse.ArgumentParser, prog: str) -> Iterator[str]:
    yield _sentence(parser.description or "")
    yield from _tables(parser, prog)


def _tables(parser: argparse.ArgumentParser, prog: str) -> Iterator[str]:
    for group in parser._action_groups:
        subs = [action for action in group._group_actions if isinstance(action, argparse._SubParsersAction)]
        for action in subs:
            for name, sub in action.choices.items():
                yield from (
                    "",
                    f"### {prog.removeprefix('event-pipelines ')} {name}",
                    "",
                    *_command(sub, f"{prog} {name}"),
                )
        rows = [_option(one) for one in group._group_actions if one not in subs and one.dest != "help"]
        if rows:
            if group.title not in ("options", "positional arguments"):
                yield from ("", f"{_sentence(group.title or '').rstrip('.')}:")
            yield from ("", "| option | default | what it means |", "| --- | --- | --- |", *rows)


def _option(action: argparse.Action) -> str:
    formatter = HelpFormatter("event-pipelines", width=10_000)
    name = formatter._format_action_invocation(action)
    if action.option_strings and action.nargs != 0:
        name = f"{', '.join(action.option_strings)} {formatter._format_args(action, _metavar(action))}"
    default = "required" if action.required and action.option_strings else _default(action)
    text = (action.help or "") % {**vars(action), "prog": ""}
    text = text.removesuffix(f" (default: {action.default})")
    return f"| `{_cell(name)}` | {_cell(default)} | {_cell(text).replace('<', '&lt;')} |"


def _metavar(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return HelpFormatter("")._get_default_metavar_for_optional(action)


def _default(action: argparse.Action) -> str:
    if action.default in (None, False, [], argparse.SUPPRESS):
        return ""
    values = action.default if isinstance(action.default, (list, tuple)) else [action.default]
    return "`" + " ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values) + "`"


def codes_page() -> str:
    """Return every error code and note with its stage, meaning, example and way to mend it."""
    parts = ["# Error codes and notes", "", MADE, "", "`event-pipelines explain CODE` prints the same."]
    for code in Code:
        explained = EXPLANATIONS[code]
        parts += ["", f"## {code.value}", "", f"Stage: {stages_of(code)}. {explained.meaning}"]
        for example in explained.examples:
            parts += ["", "```text", show(example, EXAMPLE_BYTES) or "(no bytes)", "```"]
        parts += ["", f"To fix it: {explained.remedy}"]
    parts += ["", "## Notes of valid events", "", "| note | what it means |", "| --- | --- |"]
    return "\n".join([*parts, *(f"| {note.value} | {NOTES[note]} |" for note in Note)]) + "\n"


def tables_page() -> str:
    """Return every table and view with its columns."""
    parts = ["# Tables and views", "", MADE, "", f"Version {SCHEMA_VERSION} of the tables. **Bold**: never NULL."]
    for table in TABLES.values():
        column, unit = table.partition
        parts += ["", f"## {table.dataset}.{table.name}", "", table.description, ""]
        parts += [f"Partitioned by {column} ({unit.lower()}), clustered by {', '.join(table.cluster)}.", ""]
        parts += ["| column | type | what it is |", "| --- | --- | --- |"]
        for one in table.columns:
            name = f"**{one.name}**" if one.required else one.name
            parts.append(f"| {name} | {one.type}{', repeated' if one.repeated else ''} | {_cell(one.description)} |")
    for view in all_views():
        parts += ["", f"## {view.dataset}.{view.name} (view)", "", view.description, "", f"Key: {', '.join(view.key)}."]
        if view.function:
            parts[-1] += f" As of a moment: `{view.function}(TIMESTAMP)`."
        parts += ["", "| column | what it is |", "| --- | --- |"]
        parts += [f"| {name} | {_cell(text)} |" for name, text in view.columns.items()]
    return "\n".join(parts) + "\n"


def metrics_page() -> str:
    """Return every metric of Beam's, by name."""
    topics = ", ".join(TOPIC_LABELS)
    parts = ["# Metrics", "", MADE, "", f"Beam's metrics, namespace `{NAMESPACE}`. Names come from closed lists.", ""]
    parts += [f"`<topic>` is one of {topics}.", "", "| counter | what it counts |", "| --- | --- |"]
    parts += [f"| `{outcome}_<topic>` | {METRICS[outcome]} |" for outcome in OUTCOMES]
    by_topic = {f"{outcome}_{topic}" for outcome in OUTCOMES for topic in TOPIC_LABELS}
    for name in [*(name for name in COUNTER_NAMES if name not in by_topic), *SINK_COUNTERS]:
        parts.append(f"| `{name}` | {_counted(name)} |")
    parts += [f"| `{prefix}<table>` | {METRICS[prefix]} |" for prefix in (ROWS_MADE, ROWS_REJECTED)]
    parts += ["", f"`<table>` is one of {', '.join(f'`{table}`' for table in APPENDED_TABLES)}."]
    parts += ["", "| distribution | what it measures |", "| --- | --- |"]
    return "\n".join([*parts, *(f"| `{name}` | {METRICS[name]} |" for name in DISTRIBUTION_NAMES)]) + "\n"


def _counted(name: str) -> str:
    code = name.removeprefix("dead_letter_")
    if code in Code.__members__:
        return f"dead letters of the code [{code}](error-codes.md#{code.lower()})"
    return METRICS.get(name) or f"sagas with the alert {name.removeprefix('saga_')}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


PAGES = {
    "options.md": options_page,
    "error-codes.md": codes_page,
    "tables.md": tables_page,
    "metrics.md": metrics_page,
}


def write(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
