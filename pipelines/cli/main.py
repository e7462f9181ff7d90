"""The command line: which commands there are, and how a failure is reported.

Exit codes: 0 done; 1 the run failed, or an unexpected error; 2 a mistake of the user (one or two lines that name option
and value); 128 + N ended by signal N (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP, 141 the reader of the output has gone).
"""

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from pipelines.cli.global_options import GlobalOptions, add_global_options, take_global_options
from pipelines.cli.json_log import JsonHandler, JsonLines
from pipelines.command_options.parser import Parser
from pipelines.error_text import OWN_PACKAGES, masked_traceback, one_line
from pipelines.errors import UserError, was_interrupted
from pipelines.process import STANDARD_OUTPUT, calm_collector, keep_memory, set_up_environment, set_up_streams
from pipelines.terminal_text import escape
from pipelines.version import pipeline_version
from transforms.gc_pause import collector_paused

PROG = "event-pipelines"
COMMANDS = {
    "simulate": "generate test messages and the expected results",
    "local": "run the batch pipeline on files, on this machine",
    "stream": "run the streaming pipeline on Pub/Sub subscriptions",
    "stream-demo": "run the streaming pipeline on generated events, with the Pub/Sub emulator",
    "provision": "create or update datasets, tables and views",
    "settings": "show or change the settings of a store",
    "query": "read a view of the read side, as it is now or as of a time",
    "sagas": "list the sagas of orders, and which are stuck",
    "history": "list the events of one entity in order, with what each changed",
    "replay": "process a range of the archive or the event store again",
    "compare": "list the differences between the live stores and a shadow",
    "redrive": "repair dead letters and process them again",
    "dead-letters": "list dead letters, or show one",
    "forget": "list or delete the data of a customer",
    "lake": "list, verify, prune and compact the files of the lake",
    "validate": "check messages against the contract before they are sent",
    "explain": "explain an error code and how to repair the message",
    "schema": "print the contract of an event type, in four formats",
    "serve": "serve the Analytics API over the read model and BigQuery",
    "api-key": "make an API key for the Analytics API",
    "plan": "estimate workers, storage and limits for an event rate",
    "template-spec": "print the container spec of a flex template",
    "launch": "launch, update, drain or list Dataflow jobs",
    "doctor": "check a Google Cloud project before a launch",
    "bigquery-emulator": "serve BigQuery's APIs over a DuckDB file",
    "completion": "print a script that completes commands and options in a shell",
}
END_SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def command_parser(name: str, parser: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """Return the parser of one command, filled in if an empty one is given. The command itself is imported when it runs."""
    module = importlib.import_module(f"pipelines.cli.arguments.{name.replace('-', '_')}")
    parser = parser or Parser(prog=f"{PROG} {name}")
    parser.description = getattr(module, "HELP", COMMANDS[name])
    module.add_arguments(parser)
    parser.set_defaults(run=partial(_run_command, name))
    return parser


def _run_command(name: str, args: argparse.Namespace) -> int:
    """Import a command and run it. Beam and Google's clients are imported here: that takes seconds."""
    # The imports create half a million objects that stay: to look for garbage among them took 0.6 s.
    with collector_paused(), _exit_at_once(f"{PROG} {name}"):
        module = importlib.import_module(f"pipelines.cli.commands.{name.replace('-', '_')}")
    calm_collector()
    code: int = module.run(args)
    return code


def build_parser(loaded: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; only the options of the named commands are imported, so that --help is quick."""
    parser = Parser(prog=PROG, description="Event pipelines on Apache Beam, from laptop to Dataflow.")
    parser.add_argument("--version", action="version", version=f"{PROG} {pipeline_version()}")
    add_global_options(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name in loaded:
            command_parser(name, sub)
            add_global_options(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given, words = take_global_options(list(sys.argv[1:] if argv is None else argv))
    command = next((word for word in words if not word.startswith("-")), "")
    set_up_streams()
    with _error_stream(given, f"{PROG} {command}".rstrip()), _signals() as received:
        try:
            code = _run(words, command)
            sys.stdout.flush()
        except KeyboardInterrupt as stopped:
            code = 128 + (received or [signal.SIGINT])[0]
            _report(f"{PROG} {command}", f"stopped. {stopped}".rstrip(), code, "NOTICE")
        except Exception as error:
            if was_interrupted(error):
                code = 128 + (received or [signal.SIGINT])[0]
                _report(f"{PROG} {command}", "stopped.", code, "NOTICE")
            else:
                code = _report_failure(given, command, error)
    if argv is None and code >= 128:
        _discard_output()
        os._exit(code)  # worker threads may be in the middle of a call; nothing of theirs is kept
    return code


def _run(words: list[str], command: str) -> int:
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    set_up_environment()
    keep_memory()
    parser = build_parser([command] if command else [])
    if not words:
        parser.print_help(sys.stderr)
        return 2
    args = parser.parse_args(words)
    code: int = args.run(args)
    return code


def _report_failure(given: GlobalOptions, command: str, error: Exception) -> int:
    """Report an exception and return the exit code."""
    if isinstance(error, OSError) and error.filename == STANDARD_OUTPUT:
        _discard_output()
    name = f"{PROG} {command}".rstrip()
    if given.verbose:
        print(masked_traceback(error), file=sys.stderr)
    if isinstance(error, UserError):
        code, text = 2, one_line(error)
    elif isinstance(error, BrokenPipeError) and error.filename == STANDARD_OUTPUT:
        return 128 + signal.SIGPIPE
    elif isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] not in OWN_PACKAGES:
        code = 1
        text = f"the module {error.name} is not installed; `make` creates the environment: .venv/bin/{PROG}"
    else:
        code, text = 1, one_line(error)
    _report(name, text, code, "ERROR")
    return code


def _report(name: str, text: str, code: int, severity: str) -> None:
    text = escape(text)  # file names and other values may hold what a terminal acts on
    with suppress(OSError):
        if isinstance(sys.stderr, JsonLines):
            sys.stderr.entry(severity, text, exit_code=code)
        else:
            print(f"{'' if severity == 'ERROR' else chr(10)}{name}: {text}", file=sys.stderr)


def _discard_output() -> None:
    """Let what waits for standard output go nowhere, so that the interpreter's end does not fail on it again."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


@contextmanager
def _error_stream(given: GlobalOptions, name: str) -> Iterator[None]:
    """Send log records, and failures of threads, to standard error in the requested format."""
    before, hook = sys.stderr, threading.excepthook
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    if given.log_format == "json":
        sys.stderr = stream = JsonLines(before, name.removeprefix(f"{PROG} "))
        logging.basicConfig(level=logging.WARNING, handlers=[JsonHandler(stream)], force=True)
    else:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    def report_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
            name = failed.thread.name if failed.thread is not None else "?"
            print(f"warning: thread {name}: {one_line(failed.exc_value)}", file=sys.stderr)
            if given.verbose:
                print(masked_traceback(failed.exc_value), file=sys.stderr)

    threading.excepthook = report_thread
    try:
        yield
    finally:
        threading.excepthook = hook
        root.handlers[:] = handlers  # a caller in this process keeps its own
        root.setLevel(level)
        if isinstance(sys.stderr, JsonLines):
            sys.stderr.close()
        sys.stderr = before


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Turn the signals that end a process into KeyboardInterrupt, so that what was started is stopped; yield those received.

    A signal that the parent process let this one ignore (`nohup`) stays ignored.
    """
    received: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _exit_at_once(name: str) -> Iterator[None]:
    """End the process directly on a signal while modules are imported: an import that is interrupted fails in many ways."""

    def end(number: int, _frame: FrameType | None) -> None:
        os.write(2, f"\n{name}: stopped.\n".encode())
        os._exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
