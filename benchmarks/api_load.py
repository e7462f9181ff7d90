"""Point reads of the API under load, beside a streaming run that writes the read model: `python -m benchmarks.api_load`.

vegeta sends requests at a fixed rate, whether or not the last one was answered: a slow service cannot slow the clock that
measures it. Needs the Pub/Sub emulator, Prism and vegeta (`go install github.com/tsenart/vegeta/v12@latest`).
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.live_publish import simulate
from benchmarks.live_run import live_run
from services.api.auth.api_keys import new_key

AIM_P95_SECONDS = 0.020
START_SECONDS = 30.0
ORDERS = 200


def main() -> int:
    """Measure and print; return 1 if the aim is missed or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read_model", metavar="URL", help="the read model (default: a SQLite file)")
    parser.add_argument("--rate", type=int, default=500, help="requests per second")
    parser.add_argument("--seconds", type=int, default=30, help="duration of the load, seconds")
    parser.add_argument("--publish_rate", type=float, default=200.0, help="messages per second into the streaming run")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="api-load-") as folder:
        url = args.read_model or f"sqlite:///{folder}/model.sqlite"
        result = measure(Path(folder), url, args.rate, args.seconds, args.publish_rate)
    print(json.dumps(result, indent=1))
    return 0 if result["p95_ms"] < AIM_P95_SECONDS * 1000 and result["errors"] == 0 else 1


def measure(folder: Path, read_model: str, rate: int, seconds: int, publish_rate: float) -> dict[str, Any]:
    """Return the latencies (ms), the errors and how many events were written meanwhile."""
    vegeta = shutil.which("vegeta")
    if vegeta is None:
        raise SystemExit("vegeta is not on the PATH: go install github.com/tsenart/vegeta/v12@latest")
    messages, output = folder / "messages", folder / "output"
    output.mkdir()
    simulate(messages, int(publish_rate * (seconds + 60)), publish_rate, time.time() - 3600)
    with ExitStack() as stack:
        live = stack.enter_context(live_run(output, "--read_model", read_model))
        live.start()
        publisher = live.publish(messages, publish_rate)
        stack.callback(publisher.kill)
        url, key = stack.enter_context(serving(folder, read_model))
        targets = folder / "targets"
        targets.write_text("".join(f"GET {url}/orders/{order}\nX-API-Key: {key}\n\n" for order in orders(url, key)))
        before = live.visible()
        attack = [vegeta, "attack", f"-rate={rate}/s", f"-duration={seconds}s", f"-targets={targets}", "-timeout=5s"]
        results = folder / "results.bin"
        with results.open("wb") as file:
            subprocess.run([*attack, "-max-workers=64"], check=True, stdout=file, timeout=seconds + 60)
        written = live.visible() - before
        report = subprocess.run(
            [vegeta, "report", "-type=json", str(results)], check=True, capture_output=True, timeout=60
        )
    found = json.loads(report.stdout)
    latencies = {name: round(value / 1e6, 2) for name, value in found["latencies"].items() if name != "total"}
    return {
        "requests": found["requests"], "rate": round(found["rate"], 1), "statuses": found["status_codes"],
        "errors": found["requests"] - found["status_codes"].get("200", 0),
        "p50_ms": latencies["50th"], "p95_ms": latencies["95th"], "p99_ms": latencies["99th"], "max_ms": latencies["max"],
        "events_written_meanwhile": written,
    }  # fmt: skip


@contextmanager
def serving(folder: Path, read_model: str) -> Iterator[tuple[str, str]]:
    """Run `event-pipelines serve` as a user does; yield the URL of its API and a key."""
    key, digest = new_key()
    keys = folder / "keys.yaml"
    keys.write_text(yaml.safe_dump({"keys": [{"name": "load", "hash": digest, "scopes": ["orders:read"]}]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "services.api", "--read_model", read_model, "--port", str(port)]
    limits = ["--api_keys", str(keys), "--requests_per_second", "0"]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen([*command, *limits], stdout=log, stderr=subprocess.STDOUT)
    try:
        limit = time.monotonic() + START_SECONDS
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit((folder / "serve.log").read_text()[-2000:])
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/api/v1", key
    finally:
        process.terminate()
        process.wait(30)


def orders(url: str, key: str) -> list[str]:
    """Return ids of orders, as soon as the streaming run has written enough."""
    limit = time.monotonic() + START_SECONDS * 3
    while time.monotonic() < limit:
        request = urllib.request.Request(f"{url}/orders?size={ORDERS}", headers={"X-API-Key": key})
        with urllib.request.urlopen(request, timeout=10) as reply:
            found = [row["order_id"] for row in json.load(reply)["items"]]
        if len(found) == ORDERS:
            return found
        time.sleep(0.5)
    raise SystemExit(f"the streaming run has not written {ORDERS} orders in time")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
