"""`simulate` in processes of its own: the same bytes under any hash seed, and mistakes on the command line."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("form", ["messages", "events"])
def test_the_same_seed_gives_the_same_bytes_under_any_hash_seed(tmp_path, form):
    options = ["--events", "3000", "--seed", "7", "--dirty", "0.1", "--format", form]
    for hash_seed in ("0", "4242"):
        command = [sys.executable, "-m", "pipelines", "simulate", "--output", str(tmp_path / hash_seed), *options]
        subprocess.run(command, check=True, timeout=60, env=os.environ | {"PYTHONHASHSEED": hash_seed})
    assert digest(tmp_path / "0") == digest(tmp_path / "4242")


def test_wrong_arguments_exit_with_2(tmp_path):
    for words in (["--nope", "1"], ["--events", "many"], ["--dirty", "7"]):
        command = [sys.executable, "-m", "pipelines", "simulate", "--output", str(tmp_path / "x"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert words[0] in done.stderr
        assert words[1] in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()
