"""The environment and the standard streams of a process."""

import os
import subprocess
import sys
import urllib.request

import pytest

from pipelines.process import set_up_environment
from tests.support.paths import ROOT

PROXY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("given", "proxied", "direct"),
    [
        ({"http_proxy": PROXY}, ["bigquery.googleapis.com"], ["localhost", "127.0.0.1"]),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "intern"}, ["bigquery.googleapis.com"], ["127.0.0.1", "intern"]),
        ({"http_proxy": PROXY, "no_proxy": "intern, 10.0.0.1"}, ["googleapis.com"], ["localhost", "intern", "10.0.0.1"]),
        ({"http_proxy": PROXY, "no_proxy": "a", "NO_PROXY": "b"}, ["googleapis.com"], ["localhost", "a", "b"]),
        ({"http_proxy": PROXY, "no_proxy": "*"}, [], ["localhost", "googleapis.com"]),
    ],
)  # fmt: skip
def test_loopback_is_never_proxied_and_other_hosts_keep_their_proxy(monkeypatch, given, proxied, direct):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("no_proxy", given.get("no_proxy", ""))  # so that both are restored
    monkeypatch.setenv("NO_PROXY", given.get("NO_PROXY", ""))
    set_up_environment()
    assert all(urllib.request.proxy_bypass_environment(host) for host in direct)
    assert not any(urllib.request.proxy_bypass_environment(host) for host in proxied)


def test_a_list_of_grpc_s_own_gets_loopback_too(monkeypatch):
    monkeypatch.setenv("https_proxy", PROXY)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_grpc_proxy", "intern")
    set_up_environment()
    assert dict(os.environ)["no_grpc_proxy"] == "intern,localhost,127.0.0.1,::1"


def test_without_a_proxy_nothing_is_set():
    program = "import os; from pipelines.process import *; set_up_environment(); print('no_proxy' in os.environ)"
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=clean, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_file_never_takes_the_place_of_a_closed_standard_stream(tmp_path):
    program = """
from pipelines.process import set_up_streams
set_up_streams()
with open("file", "w") as file:
    print("printed", flush=True)
    assert file.fileno() > 2, file.fileno()
"""
    command = f"exec {sys.executable} -c '{program.replace(chr(39), chr(34))}' 0<&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=str)
def test_characters_that_the_encoding_lacks_are_printed_as_escapes(settings):
    program = "from pipelines.process import set_up_streams; set_up_streams(); print(chr(252) + chr(0xd800))"
    environment = {**os.environ, "PYTHONCOERCECLOCALE": "0", **settings}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True)
    assert done.stdout in (rb"\xfc\ud800" + b"\n", "ü\\ud800\n".encode())
    assert done.stderr == b""
