"""The command line: which commands there are, and what a failure looks like to a user.

Exit codes: 0 done, 1 the run failed, 2 the user's mistake (one or two lines that name option and value), 130 Ctrl-C.
"""

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence

from pipelines.command_options.parser import Parser
from pipelines.errors import RunFailed, UserError
from pipelines.process import calm_collector, keep_memory
from pipelines.version import pipeline_version
from transforms.gc_pause import collector_paused

COMMANDS = {
    "simulate": "make plausible messages, and the truth about them",
    "local": "run the main job over files, on this machine",
    "stream": "run the main job over live subscriptions",
    "stream-demo": "see the main job live, against the Pub/Sub emulator",
    "provision": "create or change datasets, tables and views",
    "query": "read a view of the read side, also as of a moment",
    "sagas": "where orders stand, and which are stuck",
    "history": "the events of one entity, in order, and what each changed",
    "replay": "run a stretch of history again",
    "compare": "differences between two sets of views",
    "redrive": "repair dead letters and send them again",
    "dead-letters": "list dead letters, or show one",
    "forget": "delete what is held of a person",
    "validate": "check messages against the contract, for producers",
    "explain": "what an error code means, and how to mend it",
    "schema": "the contract of an event type, in four formats",
    "plan": "what a rate of events costs in workers and storage",
    "template-spec": "the container spec of a flex template",
    "launch": "launch, update, drain or list Dataflow jobs",
    "doctor": "check a project before anything is launched",
    "completion": "a script that completes commands and options in a shell",
}


def command_parser(name: str, parser: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """Return the parser of one command, filled in where an empty one is given; its module is imported."""
    module = importlib.import_module(f"pipelines.cli.commands.{name.replace('-', '_')}")
    parser = parser or Parser(prog=f"event-pipelines {name}")
    parser.description = getattr(module, "HELP", COMMANDS[name])
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def build_parser(loaded: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; only the modules of the named commands are imported, so that --help is quick."""
    parser = Parser(prog="event-pipelines", description="Event pipelines on Apache Beam, from laptop to Dataflow.")
    parser.add_argument("--version", action="version", version=f"event-pipelines {pipeline_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name in loaded:
            command_parser(name, sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    command = next((word for word in words if not word.startswith("-")), None)
    keep_memory()
    with collector_paused():  # imports make half a million objects that stay: to look among them took 0.6 s
        parser = build_parser([command] if command else [])
    calm_collector()
    if not words:
        parser.print_help(sys.stderr)
        return 2
    try:
        args = parser.parse_args(words)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        code: int = args.run(args)
    except UserError as mistake:
        print(f"{parser.prog} {command}: {mistake}", file=sys.stderr)
        return 2
    except RunFailed as failure:
        print(f"{parser.prog} {command}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print(f"\n{parser.prog} {command}: stopped. {stopped}".rstrip(), file=sys.stderr)
        sys.stderr.flush()
        os._exit(130)  # worker threads may be in the middle of a call; nothing of theirs is kept
    except BrokenPipeError:
        os._exit(0)
    return code
