"""What a process keeps of freed memory, and knows of the types that reach it."""

import pickle
import platform
import subprocess
import sys

import pytest

from schemas.message import Message
from transforms.coders import SizedCoder

PROGRAM = """
import sys
from pathlib import Path
from pipelines import process

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))

process.keep_memory()
if sys.argv[1] == "live":
    process.hand_back_memory()
between = []
blocks = []
for _ in range(100):
    blocks.append(bytearray(1 << 20))
    between.append(bytearray(2_000))
before = held()
del blocks
print(before - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
@pytest.mark.parametrize(("process", "handed_back"), [("live", True), ("bounded", False)])
def test_a_long_running_process_returns_large_blocks_to_the_system(process, handed_back):
    done = subprocess.run([sys.executable, "-c", PROGRAM, process], capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 80) == handed_back


def test_a_pickled_coder_keeps_the_size_estimates():
    program = "import pickle, sys; coder, element = pickle.load(sys.stdin.buffer); print(coder.estimate_size(element))"
    sent = pickle.dumps((SizedCoder(), Message("orders", "m", 1, {}, b"x" * 5000)))
    told = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=True)
    assert int(told.stdout) >= 5_000
