"""The image, built for real: templates/build.sh with buildah, and programs run in the file system that comes of it.

No image registry is used. The base images are built here: Python's is a Debian root (its release is that of the
Dockerfile's base, and so is its Python), Beam's holds the boot that `go install` leaves, and the launcher's a stand-in.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.boot import need_boot
from tests.support.image import ROOT
from tests.support.launcher import STAND_IN, Start
from tests.support.live import skip_or_fail
from tests.support.tools import require

RELEASE = "bookworm"
PACKAGES = "ca-certificates,python-is-python3,python3,python3-pip"
LAUNCHER = "/opt/google/dataflow/python_template_launcher"
PIP_KEYS = ("cert", "default-timeout", "extra-index-url", "index-url", "proxy", "trusted-host")
"""Of pip's configuration here, what a build needs to reach PyPI the same way."""
BUILD_SECONDS = 1200


@dataclass
class Built:
    """A store of images of its own, and a container of the image in it."""

    folder: Path
    container: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def buildah(self, *words: str, timeout: int = BUILD_SECONDS) -> str:
        """Run buildah and return what it printed."""
        done = subprocess.run(
            ["buildah", *words], env=self.environment, capture_output=True, text=True, timeout=timeout, cwd=ROOT
        )
        assert done.returncode == 0, f"buildah {words[0]}: {done.stderr[-3000:]}"
        return done.stdout.strip()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The image configuration: Env, Entrypoint, Labels."""
        found: dict[str, Any] = json.loads(self.buildah("inspect", self.container))["OCIv1"]["config"]
        return found

    @cached_property
    def root(self) -> Path:
        """Where the file system lies."""
        return Path(self.buildah("mount", self.container))

    def command(
        self, *words: str, given: Mapping[str, str] | None = None, mounts: tuple[Path, ...] = (), user: str = "root"
    ) -> list[str]:
        """Return the command that runs words in the image; files of `mounts` are there under the same names."""
        more = [f"--env={name}={value}" for name, value in (given or {}).items()]
        more += [f"--volume={path}:{path}" for path in mounts]
        return ["buildah", "run", f"--user={user}", *more, self.container, "--", *words]

    def run(self, *words: str, timeout: int = 120, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run words in the image."""
        command = self.command(*words, **more)
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=timeout)


def in_image(built: Built, *mounts: Path, user: str = "root") -> Start:
    """Return how the image's launcher is started, in the image's environment."""

    def start(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return built.run(LAUNCHER, *words, given=environment, mounts=mounts, user=user)

    return start


def build(folder: Path) -> Built:
    """Build the image in a store below the folder, or take the one that is there; skip where a tool is missing."""
    require("buildah", "builds the image; apt-get install buildah")
    require("debootstrap", "makes the base image; apt-get install debootstrap")
    boot = need_boot()
    if os.geteuid() != 0:
        skip_or_fail("debootstrap and buildah's vfs need root")
    image = "localhost/event-pipelines:0.2.0"
    kept = (folder / "build.log").exists()
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    more = {"CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf", "BUILDAH_ISOLATION": "chroot", "PUSH": "no"}
    built = Built(folder, environment={**os.environ, **more, "TOOL": "buildah", "TMPDIR": str(folder)})
    if not kept:
        _build(built, image, boot)
    built.container = built.buildah("from", "--pull-never", image)
    return built


def _build(built: Built, image: str, boot: Path) -> None:
    folder = built.folder
    bases = {
        "PYTHON_IMAGE": _base(built, "python", {"root.tar": _debian(folder)}, "ADD root.tar /"),
        "BEAM_IMAGE": _base(built, "beam", {"boot": boot}, "COPY boot /opt/apache/beam/boot"),
        "LAUNCHER_IMAGE": _base(built, "launcher", {"launcher": STAND_IN}, f"COPY launcher {LAUNCHER}"),
    }
    arguments = [f"--build-arg={name}={image}" for name, image in bases.items()]
    done = subprocess.run(
        [str(ROOT / "templates" / "build.sh"), image, *arguments, *_pip_as_here(folder)],
        env=built.environment, capture_output=True, text=True, timeout=BUILD_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    (folder / "build.log").write_text(done.stdout + done.stderr)


def remove(built: Built) -> None:
    """Remove the store with all that is in it."""
    built.buildah("rm", "--all")
    built.buildah("rmi", "--all", "--force")
    shutil.rmtree(built.folder, ignore_errors=True)


def _debian(folder: Path) -> Path:
    """Return a tar of a Debian root with python and pip, and pip allowed to install there, as in Python's own image."""
    root, packed = folder / "debian", folder / "root.tar"
    if packed.exists():
        return packed
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for mark in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        mark.unlink()
    out = [f"--exclude=./{name}" for name in ("dev/*", "proc/*", "sys/*", "var/cache/apt/*", "var/lib/apt/lists/*")]
    subprocess.run(["tar", "-C", str(root), "-cf", str(packed), *out, "."], check=True, timeout=300)
    shutil.rmtree(root)
    return packed


def _base(built: Built, name: str, files: Mapping[str, Path], step: str) -> str:
    """Make a base image from nothing but files."""
    context, image = built.folder / name, f"localhost/base/{name}:test"
    context.mkdir()
    for wanted, path in files.items():
        shutil.copy(path, context / wanted)
    (context / "Dockerfile").write_text(f"FROM scratch\n{step}\n")
    built.buildah("build", "--tag", image, str(context))
    shutil.rmtree(context)
    return image


def _pip_as_here(folder: Path) -> list[str]:
    """Return the options by which pip in the build reaches PyPI as pip does here."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    pairs = [line.partition("=") for line in lines]
    known = {name.rpartition(".")[2]: value.strip("'\"") for name, _, value in pairs}
    settings = {name: value for name, value in known.items() if name in PIP_KEYS}
    path = folder / "pip.conf"
    path.touch(mode=0o600)
    path.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    options = [f"--secret=id=pip,src={path}"]
    if "cert" in settings:
        options.append(f"--volume={settings['cert']}:{settings['cert']}:ro")
    return options
