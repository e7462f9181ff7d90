"""What a process of its own keeps of freed memory, and knows of the types that reach it."""

import pickle
import platform
import subprocess
import sys

import pytest

from schemas.message import Message
from transforms.coders import SizedCoder

PROGRAM = """
import sys, time
from pathlib import Path
from pipelines.memory import keep_memory, memory_released

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))

keep_memory()
with memory_released(float(sys.argv[1])):
    blocks = [bytearray(b"x") * 100_000 for _ in range(1_000)]
    most = held()
    del blocks
    time.sleep(0.5)
    print(most - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
@pytest.mark.parametrize(("seconds", "released"), [("0.1", True), ("60", False)])
def test_freed_memory_is_handed_back_when_its_time_comes(seconds, released):
    done = subprocess.run([sys.executable, "-c", PROGRAM, seconds], capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 80) == released


def test_a_worker_that_gets_the_coder_knows_the_sizes():
    program = "import pickle, sys; coder, element = pickle.load(sys.stdin.buffer); print(coder.estimate_size(element))"
    sent = pickle.dumps((SizedCoder(), Message("orders", "m", 1, {}, b"x" * 5000)))
    told = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=True)
    assert int(told.stdout) >= 5_000
