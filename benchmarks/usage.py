"""Measure a command with all its descendants: CPU seconds, wall seconds, and the peak memory of the process tree.

CPU is the kernel's figure for every reaped process (getrusage), including orphans: the command runs under a
small process of this module, which is the subreaper of all below it. Memory is the proportional set size, so that
pages which forked workers share count once, looked at five times a second. Linux only.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_SUBREAPER = 36
EVERY_SECONDS = 0.2
GRACE_SECONDS = 10.0


class Usage(NamedTuple):
    """The usage of a command; `output` is what it printed, including errors."""

    code: int
    cpu_seconds: float
    wall_seconds: float
    peak_mib: float
    output: str


def environment() -> dict[str, str]:
    """Return this process's environment, but modules stay compiled, as after an installation: Beam's take 3.5 s."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(command: Sequence[str], log: Path) -> Usage:
    """Run a command; its output goes to `log`. Descendants that outlive it by 10 s are killed."""
    watch = [sys.executable, "-m", "benchmarks.usage", str(log), *command]
    usage = json.loads(subprocess.run(watch, stdout=subprocess.PIPE, check=True, env=environment()).stdout)
    return Usage(*usage, log.read_text(errors="replace"))


def watch(command: Sequence[str], log: Path) -> tuple[int, float, float, float]:
    """Run a command as the subreaper of all below it; return its code, CPU seconds, wall seconds and peak MiB."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    with log.open("wb") as out:
        main = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    cpu, peak, code, ended = 0.0, 0.0, 0, 0.0
    while True:
        pid, status, used = _reap()
        if pid:
            cpu += used
            if pid == main.pid:
                code, ended = os.waitstatus_to_exitcode(status), time.monotonic()
                main.returncode = code
            continue
        left = descendants(os.getpid())
        if ended and not left:
            break
        if ended and time.monotonic() - ended > GRACE_SECONDS:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        peak = max(peak, sum(map(_memory_kib, left)) / 1024)
        time.sleep(EVERY_SECONDS if not ended else 0.01)
    return code, cpu, ended - began, peak


def _reap() -> tuple[int, int, float]:
    try:
        pid, status, used = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0, 0.0
    return pid, status, used.ru_utime + used.ru_stime


def descendants(pid: int) -> list[int]:
    """Return the ids of all descendants of a process."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):  # the process has ended
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found, ask = [], [pid]
    while ask:
        below = parents.get(ask.pop(), [])
        found += below
        ask += below
    return found


def _memory_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except (OSError, IndexError):
        pass
    return 0


if __name__ == "__main__":
    print(json.dumps(watch(sys.argv[2:], Path(sys.argv[1]))))
