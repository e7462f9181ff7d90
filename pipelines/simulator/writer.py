"""Write the generated messages: one file per topic, with the expected results beside them. All appear at the end, or none."""

import base64
import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pipelines.errors import RunFailed, UserError
from pipelines.simulator.clock import rfc3339
from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.event import TOPICS, SimulatedMessage
from pipelines.simulator.event_stream import Simulation
from pipelines.simulator.expected_results import SagaRow

GENERATOR_VERSION: Final = "2"
"""Incremented when the same options and seed give other bytes."""
TRUTH: Final = "truth.json"
SAGAS: Final = "truth-sagas.jsonl"
FILES: Final = (*(f"{topic}.jsonl" for topic in TOPICS), SAGAS, TRUTH)
_PARTIAL: Final = ".partial"
_LINES_A_WRITE: Final = 500
_MESSAGES_A_TICK: Final = 2_000


def check_folder(folder: Path, overwrite: bool) -> None:
    """Reject a folder that is a file, or that is not empty and may not be overwritten."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output {folder}: is not a folder")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"--output {folder}: is not empty; empty it, or give --overwrite")


def write_files(config: SimulationConfig, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """Write all files of a simulation and return the truth; `progress` is called with the number of messages written.

    Raises UserError if the folder cannot be created, RunFailed if the disk fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {folder}: {error.strerror}") from None
    try:
        return _write(config, folder, progress)
    except OSError as error:
        raise RunFailed(f"--output {folder}: {error.strerror}; no file was kept") from error


def _write(config: SimulationConfig, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    partial = {name: folder / (name + _PARTIAL) for name in FILES}
    try:
        with ExitStack() as stack:
            files = {name: _Lines(stack.enter_context(path.open("wb"))) for name, path in partial.items()}
            sagas = files[SAGAS]
            simulation = Simulation(config, lambda row: sagas.add(_saga_line(row)))
            _write_messages(simulation.messages(), config, files, progress)
            truth = {"generator": GENERATOR_VERSION, "options": asdict(config), **simulation.truth.as_json()}
            files[TRUTH].add(json.dumps(truth, indent=1).encode() + b"\n")
            for lines in files.values():
                lines.flush()
        for name, path in partial.items():
            path.replace(folder / name)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
    return truth


def _write_messages(
    messages: Iterable[SimulatedMessage],
    config: SimulationConfig,
    files: dict[str, "_Lines"],
    progress: Callable[[int], None],
) -> None:
    line = message_line if config.format == "messages" else _event_line
    by_topic = {topic: files[f"{topic}.jsonl"] for topic in TOPICS}
    for done, message in enumerate(messages, 1):
        by_topic[message.topic].add(line(message))
        if done % _MESSAGES_A_TICK == 0:
            progress(done)
    progress(config.events)


def message_line(message: SimulatedMessage) -> bytes:
    """Return a message as one line of a message file (docs/data-contract.md)."""
    if message.line is not None:
        return message.line + b"\n"
    attributes = json.dumps(message.attributes, separators=(",", ":")) if message.attributes else "{}"
    return (
        f'{{"topic":"{message.topic}","messageId":"{message.message_id}",'
        f'"publishTime":"{rfc3339(message.publish_us)}","attributes":{attributes},'
        f'"data":"{base64.b64encode(message.data).decode()}"}}\n'
    ).encode()


def _event_line(message: SimulatedMessage) -> bytes:
    return message.data + b"\n"


def _saga_line(row: SagaRow) -> bytes:
    return json.dumps(row.as_json(), separators=(",", ":")).encode() + b"\n"


class _Lines:
    """A file that is written in blocks of lines."""

    def __init__(self, file: Any) -> None:
        self._file, self._waiting = file, list[bytes]()

    def add(self, line: bytes) -> None:
        """Add a line, including its line end."""
        self._waiting.append(line)
        if len(self._waiting) >= _LINES_A_WRITE:
            self.flush()

    def flush(self) -> None:
        """Write the buffered lines."""
        self._file.write(b"".join(self._waiting))
        self._waiting.clear()
