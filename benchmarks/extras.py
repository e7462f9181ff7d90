"""`python -m benchmarks.extras [EXTRA …]`: install each optional engine into an environment of its own under build/extras.

In one environment they exclude each other: PyFlink brings an older Beam. Beside the engine a venv gets what the
project's decoder and writer need. An engine that does not install is named, and `make bench` goes on without it.
"""

import argparse
import shutil
import subprocess
import sys
import venv
from importlib.metadata import requires

from benchmarks.variants import EXTRAS, VARIANTS

SHARED = ("pydantic", "jiter", "msgspec", "pyarrow")
"""What `schemas` and the writer import."""
OVERRIDES = {"bench-pyflink": ["pyarrow>=18,<21"]}
"""PyFlink's own Beam asks for an older pyarrow than it needs; the writer needs a newer one."""


def wanted(extra: str) -> list[str]:
    """Return an extra's requirements from the distribution's metadata."""
    found = []
    for requirement_text in requires("event-pipelines") or []:
        requirement, _, marker = requirement_text.partition(";")
        if f'extra == "{extra}"' in marker or (not marker and requirement.startswith(SHARED)):
            found.append(requirement.strip())
    return found


def install(extra: str) -> bool:
    """Create one environment; return whether it succeeded."""
    folder = EXTRAS / extra
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    names = [
        requirement for requirement in wanted(extra) if extra not in OVERRIDES or not requirement.startswith("pyarrow")
    ]
    for words in (names, OVERRIDES.get(extra)):
        if words and subprocess.run([*pip, *words], check=False).returncode:
            shutil.rmtree(folder)
            return False
    return True


def main() -> int:
    """Install; exit 0 also if an engine is not available: it is then left out."""
    extras = [variant.extra for variant in VARIANTS.values() if variant.extra]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extras", description=__doc__)
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"which of {', '.join(extras)} (default: all)")
    asked = parser.parse_args().extras
    if unknown := [extra for extra in asked if extra not in extras]:
        parser.error(f"no extra is named {', '.join(unknown)}")
    for extra in asked or extras:
        print(f"{extra}: {'installed' if install(extra) else 'does not install here; it is left out'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
