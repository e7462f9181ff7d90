"""Rules between the parameters of a launch, checked before anything is sent to Dataflow.

The service checks one parameter at a time, and a launcher that fails does so minutes later. Here the parameters are parsed
by the command's own parser and made into the command's own request, so that both accept the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.command_options.requests import RedriveOptions, ReplayOptions, redrive_request, replay_request
from pipelines.command_options.stream_options import StreamOptions, stream_config, subscriptions_of
from pipelines.command_options.target_options import make_target
from pipelines.dataflow.arguments import split_words
from pipelines.dataflow.templates import DISPATCH, Template
from pipelines.errors import UserError
from pipelines.read_options import read_options


def check_rules(template: Template, parameters: Mapping[str, str], project: str) -> None:
    """Raise UserError, naming the options, if the template's launcher would reject the parameters together."""
    words = [f"--{name}={value}" for name, value in {DISPATCH: template.name, **parameters}.items()]
    values, _ = split_words(template, [*words, f"--project={project}"])
    try:
        _RULES[template.name](values)
    except ValueError as error:  # configs check their values and name them
        raise UserError(str(error)) from None


def _streaming(values: Mapping[str, Any]) -> None:
    options = read_options(StreamOptions, values)
    make_target(options, needs_lake=True)
    stream_config(options, [given.topic for given in subscriptions_of(options)])


def _replay(values: Mapping[str, Any]) -> None:
    request = replay_request(read_options(ReplayOptions, values), None)
    if values["compare"] and request.into is None:
        raise UserError(f"--compare: is for --mode shadow; the mode is {request.mode}")


def _redrive(values: Mapping[str, Any]) -> None:
    redrive_request(read_options(RedriveOptions, values), None, None)


_RULES: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "streaming": _streaming,
    "replay": _replay,
    "redrive": _redrive,
}
