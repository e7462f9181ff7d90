"""Turn one option of a command into one parameter of a flex template: name, label, help, type, regex, default."""

import argparse
from typing import Any

from pipelines.options import not_negative, positive, window

Parameter = dict[str, Any]

TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([zZ]|[+-]\d{2}:\d{2})$"
FOLDER = r"^gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?$"
PROJECT = r"projects/[a-z][-a-z0-9:.]{4,61}[a-z0-9]"
SUBSCRIPTION = rf"^({PROJECT}/subscriptions/)?[A-Za-z][A-Za-z0-9._~%+-]{{2,254}}$"
TOPIC = rf"^{PROJECT}/topics/[A-Za-z][A-Za-z0-9._~%+-]{{2,254}}$"
DATASET = r"^[A-Za-z0-9_]{1,1024}$"
KINDS: dict[str, tuple[str, str | None]] = {
    "orders": ("PUBSUB_SUBSCRIPTION", SUBSCRIPTION),
    "customers": ("PUBSUB_SUBSCRIPTION", SUBSCRIPTION),
    "inventory": ("PUBSUB_SUBSCRIPTION", SUBSCRIPTION),
    "iot_events": ("PUBSUB_SUBSCRIPTION", SUBSCRIPTION),
    "saga_alerts_topic": ("PUBSUB_TOPIC", TOPIC),
    "lake": ("GCS_WRITE_FOLDER", FOLDER),
    "pii_key_secret": ("TEXT", rf"^{PROJECT}/secrets/[^/]+/versions/[^/]+$"),
    "rules": ("GCS_READ_FILE", r"^gs://.+$"),
    "from": ("TEXT", TIME),
    "to": ("TEXT", TIME),
    "at": ("TEXT", TIME),
    "event_store_dataset": ("TEXT", DATASET),
    "analytics_dataset": ("TEXT", DATASET),
    "into": ("TEXT", DATASET),
}
NUMBERS: dict[object, str] = {
    int: r"^-?\d+$",
    float: r"^-?\d+(\.\d+)?$",
    window: r"^[1-9]\d*$",
    positive: r"^[1-9]\d*$",
    not_negative: r"^\d+(\.\d+)?$",
}
WHOLE_NUMBER = r"^\d+$"


def parameter_of(action: argparse.Action, group: str, prog: str, required: bool) -> Parameter:
    """Return the parameter for an option of the command `prog`."""
    name = option_name(action)
    kind, regex = _kind(action, name)
    made: Parameter = {
        "name": name,
        "label": label_of(name),
        "helpText": help_text(action, prog),
        "isOptional": not required,
        "paramType": kind,
        "groupName": group,
    }
    if regex:
        made["regexes"] = [_listed(regex) if takes_many(action) else regex]
    if action.choices is not None and not takes_many(action):
        made["enumOptions"] = [{"value": str(choice), "label": str(choice)} for choice in action.choices]
    if is_flag(action):
        made["defaultValue"] = "false"
    elif action.default not in (None, argparse.SUPPRESS, []) and not required:
        made["defaultValue"] = _text(action.default)
    return made


def option_name(action: argparse.Action) -> str:
    """Return the long name of an option, without its dashes."""
    return next((text[2:] for text in action.option_strings if text.startswith("--")), action.dest)


def is_flag(action: argparse.Action) -> bool:
    """Return whether an option is a flag; the template's parameter is then true or false."""
    return action.nargs == 0


def label_of(name: str) -> str:
    """Return a name as words."""
    words = name.replace("_", " ")
    return (words[0].upper() + words[1:]).replace("Iot", "IoT").replace(" mb", " MiB").replace(" ms", " milliseconds")


def help_text(action: argparse.Action, prog: str) -> str:
    """Return an option's help as a sentence, with argparse's placeholders filled in."""
    values = {**vars(action), "prog": prog}
    text = ((action.help or "") % values).strip()
    if not text:
        raise ValueError(f"--{option_name(action)} of {prog} has no help")
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _kind(action: argparse.Action, name: str) -> tuple[str, str | None]:
    if is_flag(action):
        return "BOOLEAN", r"^(true|false)$"
    if action.choices is not None:
        return ("TEXT", f"({'|'.join(map(str, action.choices))})") if takes_many(action) else ("ENUM", None)
    if name in KINDS:
        return KINDS[name]
    if action.type in NUMBERS:
        return "NUMBER", NUMBERS[action.type]
    if isinstance(action.default, int):
        return "NUMBER", WHOLE_NUMBER
    return "TEXT", None


def takes_many(action: argparse.Action) -> bool:
    """Return whether an option takes several values; the parameter takes them separated by commas."""
    return action.nargs in ("+", "*") or isinstance(action, argparse._AppendAction)


def _listed(pattern: str) -> str:
    item = pattern.removeprefix("^").removesuffix("$")
    return f"^{item}(,{item})*$"


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
