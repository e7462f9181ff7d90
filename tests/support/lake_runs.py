"""Output folders with telemetry of two hours, for tests of the lake."""

import json
import uuid
from pathlib import Path

from pipelines.cli.main import main
from tests.support.events import message_line
from tests.support.runs import write_messages

DAY = ["--from", "2026-06-15T00:00:00Z", "--to", "2026-06-16T00:00:00Z"]


def measurement(number: int, *, device: str | None = None, data: str | None = None) -> str:
    """Return a message of telemetry of 12:00 to 13:59 on 2026-06-15; `data` replaces its payload."""
    time = f"2026-06-15T{12 + number % 2}:{number % 60:02d}:00Z"
    envelope = {
        "eventId": str(uuid.UUID(int=number + 1)),
        "eventType": "iot.telemetry",
        "eventTime": time,
        "source": "iot-gateway",
        "data": {"deviceId": device or f"D-{number % 3}", "metric": "t", "value": float(number), "unit": "C"},
        "metadata": {"correlationId": str(uuid.UUID(int=1))},
    }
    return message_line("iot-events", number, (data or json.dumps(envelope)).encode(), time)


def run_local(folder: Path, name: str, numbers: range, *options: str, extra: list[str] | None = None) -> Path:
    """Run `local` over measurements into `folder/out`; return the output folder."""
    source = write_messages(folder / f"{name}.jsonl", [*map(measurement, numbers), *(extra or [])])
    assert main(["local", "--input", str(source), "--output", str(folder / "out"), *options]) == 0
    return folder / "out"
