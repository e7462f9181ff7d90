"""Beam's own worker start, `boot`, as Prism runs it: workers come up in the image's environment, not in this one."""

import json
import os
import shutil
from pathlib import Path

from pipelines.runners.prism import prism_flags
from tests.support.live import skip_or_fail

MODULE = "github.com/apache/beam/sdks/v2/python/container"


def need_boot() -> Path:
    """Return Beam's boot for Python: $BEAM_BOOT, or where `go install` leaves it."""
    gopath = Path(os.environ.get("GOPATH") or Path.home() / "go")
    given = os.environ.get("BEAM_BOOT") or shutil.which("beam-boot") or str(gopath / "bin" / "container")
    if not Path(given).is_file():
        from apache_beam.version import __version__

        skip_or_fail(f"Beam's boot is not installed: go install {MODULE}@v{__version__}, or name it by BEAM_BOOT")
    return Path(given)


def boot_script(folder: Path, boot: Path, environment: Path) -> Path:
    """Write what Prism starts as a worker: boot in a venv."""
    before = (
        f"export PATH={environment}/bin:$PATH VIRTUAL_ENV={environment} RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1\n"
        "unset PYTHONPATH\n"
    )
    return worker_script(folder, str(boot), before)


def worker_script(folder: Path, command: str, before: str = "") -> Path:
    """Write a script that Prism starts as a worker. Prism quotes the worker's id; boot needs it without quotes."""
    script = folder / "boot.sh"
    script.write_text(
        "#!/bin/bash\n"
        f"{before}"
        'args=(); for word in "$@"; do args+=("${word//\\\'/}"); done\n'
        f'echo "$$" >> {folder}/workers\n'
        f"cd {folder}\n"
        f'exec {command} "${{args[@]}}" >> {folder}/boot.log 2>&1\n'
    )
    script.chmod(0o755)
    return script


def boot_flags(endpoint: str, script: Path) -> list[str]:
    """Return the options of a pipeline on Prism whose workers are started by the script."""
    config = json.dumps({"command": str(script)})
    flags = [flag for flag in prism_flags(endpoint) if not flag.startswith("--environment_type")]
    return [*flags, "--environment_type=PROCESS", f"--environment_config={config}"]
