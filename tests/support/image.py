"""What the image holds, unbuilt: a venv with the lock's packages, linked from here, and the project's wheel.

No other package is importable there. The versions are those of this environment; the slow test of the built image
(test_template_built.py) holds those of the lock, by hash.
"""

import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections import Counter
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tests.support.paths import ROOT

LOCK = ROOT / "templates" / "requirements.lock"
PARTS = (
    "setup.py",
    "pyproject.toml",
    "requirements.txt",
    "requirements-api.txt",
    "requirements-cloud-sql.txt",
    "requirements-dev.txt",
    "README.md",
    "LICENSE",
)
PACKAGES = ("schemas", "transforms", "services", "pipelines")


def locked() -> dict[str, str]:
    """Return name and version of each package of the lock."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ \\]+)", LOCK.read_text(), re.MULTILINE))


def build_wheel(into: Path) -> Path:
    """Build the project's wheel from a copy of its sources, so that nothing is left in the checkout."""
    source = into / "source"
    source.mkdir(parents=True)
    for name in PARTS:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", str(into), str(source)], check=True, timeout=120, capture_output=True)
    return next(into.glob("event_pipelines-*.whl"))


def make_venv(directory: Path, wheel: Path) -> Path:
    """Make a venv that holds the lock's packages and the wheel, and nothing else; return its python."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(directory)
    site = next((directory / "lib").glob("python3*")) / "site-packages"
    link_packages(site, {**locked(), "pip": ""})  # the image has pip: boot queries it for Beam's version
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return directory / "bin" / "python"


def link_packages(site: Path, names: dict[str, str]) -> None:
    """Link the packages of this environment into a site folder: whole folders, single files where two share one."""
    found = [item for item in (_distribution(name) for name in names) if item is not None]
    files = [
        [(Path(str(file)), Path(str(match.locate_file(file)))) for file in match.files or () if ".." not in file.parts]
        for match in found
    ]
    shared = Counter(top for each in files for top in {relative.parts[0] for relative, _ in each})
    for each in files:
        for relative, actual in each:
            top = relative.parts[0]
            alone = shared[top] == 1 and len(relative.parts) > 1
            link = site / (top if alone else relative)
            target = actual.parents[len(relative.parts) - 2] if alone else actual
            if relative.suffix != ".pyc" and not link.is_symlink() and target.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None  # of another platform or Python
