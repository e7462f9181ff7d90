"""Split the flex-template launcher's arguments into the template's parameters and Beam's own options.

The launcher writes every parameter as `--name=value`, flags too, and adds the environment as Beam options. Beam only
logs an unknown option; here it is an error.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from pipelines.dataflow.metadata import option_actions, template_parser
from pipelines.dataflow.parameters import is_flag, option_name, takes_many
from pipelines.dataflow.templates import DISPATCH, TEMPLATES, Template
from pipelines.errors import UserError


def template_of(words: Sequence[str]) -> Template:
    """Return the template that the dispatch parameter names."""
    for word in words:
        name, _, value = word.partition("=")
        if name == f"--{DISPATCH}" and value in TEMPLATES:
            return TEMPLATES[value]
    raise UserError(f"--{DISPATCH}: must be given, one of {', '.join(TEMPLATES)}")


def split_words(template: Template, words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of the command's options, parsed by the command's own parser, and Beam's words.

    Raises UserError for a value that the command rejects and for a name that neither knows.
    """
    actions = {option_name(action): action for action, _ in option_actions(template)}
    ours: list[str] = []
    beam_words: list[str] = []
    for word in words:
        name, has_value, value = word.removeprefix("--").partition("=")
        if name == DISPATCH:
            continue
        if name == "project":
            ours.append(word)
            beam_words.append(word)
        elif name in template.left_out and name != "runner":
            raise UserError(f"--{name}: is not a parameter of this template: {template.left_out[name]}")
        elif name in actions and name != "runner":
            ours += _as_option(actions[name], name, value if has_value else "true")
        else:
            beam_words.append(word)
    if unknown := unknown_to_beam(beam_words):
        raise UserError(f"{unknown[0].partition('=')[0]}: neither this template nor Beam knows this option")
    parser = template_parser(template)
    parser.error = _reject  # type: ignore[method-assign,assignment]
    return vars(parser.parse_args(ours)), beam_words


def unknown_to_beam(words: Sequence[str]) -> list[str]:
    """Return the arguments that no class of Beam's options takes."""
    parser = _BeamArgumentParser(allow_abbrev=False)
    for options in {cls.__name__: cls for cls in PipelineOptions.__subclasses__()}.values():
        options._add_argparse_args(parser)
    return list(parser.parse_known_args(list(words))[1])


def _as_option(action: argparse.Action, name: str, value: str) -> list[str]:
    if is_flag(action):
        if value not in ("true", "false"):
            raise UserError(f"--{name} {value}: must be true or false")
        return [f"--{name}"] if value == "true" else []
    if not value:
        return []
    if takes_many(action):
        values = value.split(",")
        return [f"--{name}={value}" for value in values] if action.nargs is None else [f"--{name}", *values]
    return [f"--{name}={value}"]


def _reject(message: str) -> None:
    raise UserError(message)
