"""Headless Chromium through the DevTools protocol: open a file, ask it things, see what it wanted of the network."""

import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-port=0"),
)
_START_SECONDS = 60
_ANSWER_SECONDS = 60


class Page:
    """One tab. `errors` are the errors of the console, `requests` the addresses that the page requested."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0
        self._loaded = False
        self.errors: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; what happens meanwhile is noted."""
        self._sent += 1
        self._connection.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        until = time.monotonic() + _ANSWER_SECONDS
        while True:
            message = json.loads(self._connection.recv(timeout=max(0.1, until - time.monotonic())))
            if message.get("id") == self._sent:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, event: str, said: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(item.get("value", item.get("description"))) for item in said["args"]))
        elif event == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.errors.append(said["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])

    def emulate(self, width: int, height: int = 900, *, dark: bool = False, phone: bool = False) -> None:
        """Be a screen of this size in light or dark mode."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path: Path) -> None:
        """Load a file, until its load event."""
        self._loaded = False
        self.call("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + _ANSWER_SECONDS
        while not self._loaded:
            message = json.loads(self._connection.recv(timeout=max(0.1, until - time.monotonic())))
            self._note(message["method"], message["params"])

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 60) -> None:
        """Return once a JavaScript condition holds; TimeoutError where it does not in time."""
        until = time.monotonic() + seconds
        while not self.ask(condition):
            if time.monotonic() > until:
                raise TimeoutError(f"{condition} after {seconds} s; console: {self.errors}")
            time.sleep(0.05)

    def screenshot(self, path: Path) -> None:
        """Write the whole page, not only what the screen shows, as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium_page(program: str) -> Iterator[Page]:
    """Start Chromium in a fresh profile, yield a tab, and end it again."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = _port(Path(profile) / "DevToolsActivePort", process)
            with connect(_tab(port), max_size=None, proxy=None) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(file: Path, process: "subprocess.Popen[bytes]") -> int:
    """Return the port of the browser's DevTools, once it has written it down."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"Chromium ended with {process.returncode} before it listened")
        if file.is_file() and len(lines := file.read_text().split()) == 2:
            return int(lines[0])
        time.sleep(0.05)
    raise TimeoutError(f"Chromium did not listen within {_START_SECONDS} s")


def _tab(port: int) -> str:
    """Return the DevTools address of the tab that is open from the start."""
    http = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        http.request("GET", "/json/list")
        tabs = json.load(http.getresponse())
    finally:
        http.close()
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")
