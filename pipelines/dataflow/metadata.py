"""A flex template's metadata and container spec, generated from its command's options and checked by Google's protos.

`gcloud dataflow flex-template build` drops the streaming fields, so the spec is written here.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

from pipelines.command_options import redrive, replay, stream
from pipelines.command_options.parser import Parser
from pipelines.dataflow.parameters import Parameter, option_name, parameter_of
from pipelines.dataflow.templates import DISPATCH, Template

Json = dict[str, Any]
SDK = {"language": "PYTHON"}
ADD_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "stream": stream.add_arguments,
    "replay": replay.add_arguments,
    "redrive": redrive.add_arguments,
}
"""The options of each template's command."""


def template_parser(template: Template) -> argparse.ArgumentParser:
    """Return a parser of the command's options and of the template's own."""
    parser = Parser(prog=f"event-pipelines {template.command}")
    ADD_ARGUMENTS[template.command](parser)
    add_template_arguments(parser, template)
    return parser


def add_template_arguments(parser: argparse.ArgumentParser, template: Template) -> None:
    """Add the options that only a template has."""
    parser.add_argument_group("personal data").add_argument(
        "--pii_key_secret",
        metavar="VERSION",
        help="secret version with the key for personal data: projects/P/secrets/S/versions/V",
    )
    if template.name == "replay":
        parser.add_argument(
            "--compare", action="store_true", help="with mode shadow: compare at the end; a difference fails the job"
        )


def option_actions(template: Template) -> Iterator[tuple[argparse.Action, str]]:
    """Yield the options of a template's command with the title of their group."""
    for group in template_parser(template)._action_groups:
        for action in group._group_actions:
            if action.option_strings:
                yield action, _title(group.title)


def parameters_of(template: Template) -> list[Parameter]:
    """Return a template's parameters: the dispatch parameter, and the options of its command that are not left out."""
    dispatch = {
        "name": DISPATCH,
        "label": "Pipeline",
        "helpText": f"Which pipeline of the image runs: always {template.name}.",
        "isOptional": False,
        "paramType": "ENUM",
        "groupName": "Template",
        "regexes": [f"^{template.name}$"],
        "enumOptions": [{"value": template.name, "label": template.name}],
    }
    return [
        dispatch,
        *(
            parameter_of(action, group, template.command, action.required or option_name(action) in template.required)
            for action, group in option_actions(template)
            if option_name(action) not in template.left_out
        ),
    ]


def metadata(template: Template) -> Json:
    """Return the template's metadata."""
    made: Json = {"name": template.title, "description": template.description, "streaming": template.streaming}
    if template.streaming:
        made.update(supportsAtLeastOnce=True, supportsExactlyOnce=True, defaultStreamingMode="EXACTLY_ONCE")
    made["parameters"] = parameters_of(template)
    return made


def container_spec(template: Template, image: str) -> Json:
    """Return the spec that a launch reads from Cloud Storage; workers run the launcher's image."""
    return {
        "image": image,
        "sdkInfo": SDK,
        "metadata": metadata(template),
        "defaultEnvironment": {"sdkContainerImage": image, "enableStreamingEngine": template.streaming},
    }


def check_spec(spec: Json) -> None:
    """Raise protobuf's ParseError for a field, an enum value or a type that Google's protos do not know."""
    from google.cloud import dataflow_v1beta3 as dataflow  # a second that `launch --help` does not need

    dataflow.ContainerSpec.from_json(json.dumps(spec), ignore_unknown_fields=False)


def metadata_text(template: Template) -> str:
    """Return the text of the template's metadata.json."""
    return json.dumps(metadata(template), indent=2, ensure_ascii=False) + "\n"


def _title(title: str | None) -> str:
    text = (title or "options").split(" (")[0]
    return "The run" if text in ("options", "optional arguments") else text[0].upper() + text[1:]
