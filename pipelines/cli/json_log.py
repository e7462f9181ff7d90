"""Standard error as one JSON object per line, for a log collector (`--log_format json`)."""

import io
import json
import logging
import threading
from datetime import UTC, datetime
from typing import TextIO

_SEVERITIES = {
    "warning: ": "WARNING",
    "note: ": "NOTICE",
    "WARNING ": "WARNING",
    "ERROR ": "ERROR",
    "event-pipelines": "ERROR",
}
"""How a line of text begins, and the severity that it has. Names of severities are those of Google Cloud Logging:
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity"""


class JsonLines(io.TextIOBase):
    """A text stream that writes each line as an object with time, severity, command and message."""

    def __init__(self, out: TextIO, command: str) -> None:
        self._out, self._command = out, command
        self._lock = threading.RLock()
        self._rest = ""

    def write(self, text: str) -> int:
        """Take text; whole lines are written at once."""
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._line(line)
        return len(text)

    def flush(self) -> None:
        """Flush whole lines; the beginning of a line waits for its end."""
        self._out.flush()

    def close(self) -> None:
        """Write what is left as a line; the stream below stays open."""
        with self._lock:
            rest, self._rest = self._rest, ""
            self._line(rest)
        self._out.flush()

    def entry(self, severity: str, message: str, **fields: object) -> None:
        """Write one object."""
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "severity": severity,
            "command": self._command,
            "message": message,
            **fields,
        }
        with self._lock:
            self._out.write(json.dumps(entry) + "\n")
            self._out.flush()

    def isatty(self) -> bool:
        """Say that this is no terminal, so that nothing is drawn on it."""
        return False

    def fileno(self) -> int:
        """Return the descriptor below, for child processes."""
        return self._out.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding of the stream below."""
        return self._out.encoding

    def _line(self, line: str) -> None:
        if line.strip():
            beginning = next((known for known in _SEVERITIES if line.startswith(known)), "")
            text = line[len(beginning) :] if beginning.endswith(": ") else line
            self.entry(_SEVERITIES.get(beginning, "INFO"), text)


class JsonHandler(logging.Handler):
    """Write log records as objects; the text of exceptions is left out, since it may quote data."""

    def __init__(self, stream: JsonLines) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self._stream.entry(record.levelname, record.getMessage(), logger=record.name)
