"""What a long-lived process keeps of freed memory."""

import platform
import subprocess
import sys

import pytest

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
