"""Terraform's files, parsed, and evaluated by Terraform itself: variables and locals need no provider."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from tests.support.paths import ROOT
from tests.support.tools import require

TERRAFORM = ROOT / "templates" / "terraform"
WORKFLOW = ROOT / "templates" / "schedules" / "launch.yaml"
GOOD: dict[str, Any] = {
    "project": "my-project",
    "region": "europe-west1",
    "notification_emails": ["on-call@example.com"],
}


@cache
def text() -> str:
    return "\n".join(path.read_text() for path in sorted(TERRAFORM.glob("*.tf")))


@cache
def blocks() -> dict[str, dict[str, Any]]:
    """Return resources, variables, locals and outputs by the name that an expression gives them."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(TERRAFORM.glob("*.tf")):
        parsed = hcl2.loads(path.read_text())
        for item in parsed.get("resource", []) + parsed.get("data", []):
            for kind, named in item.items():
                found |= {f"{bare(kind)}.{bare(name)}": body for name, body in named.items()}
        for key, prefix in (("variable", "var"), ("output", "output")):
            for element in parsed.get(key, []):
                found |= {f"{prefix}.{bare(name)}": body for name, body in element.items()}
        for entry in parsed.get("locals", []):
            found |= {
                f"local.{bare(name)}": {"value": body} for name, body in entry.items() if not name.startswith("__")
            }
    return found


def bare(name: str) -> str:
    return name.strip('"')


def bare_module(folder: Path) -> Path:
    """Make a module of variables and locals alone, which needs no provider."""
    for name in ("bigquery", "monitoring", "schedules"):
        shutil.copytree(ROOT / "templates" / name, folder / name)
    (folder / "terraform").mkdir()
    for name in ("variables.tf", "locals.tf"):
        shutil.copy(TERRAFORM / name, folder / "terraform")
    run(folder / "terraform", "init", "-backend=false", "-input=false")
    return folder / "terraform"


def run(module: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = require("terraform", "evaluates variables and locals")
    return subprocess.run([program, *words], cwd=module, input=stdin, capture_output=True, text=True, timeout=120)


def plan(module: Path, **values: Any) -> subprocess.CompletedProcess[str]:
    given = {**GOOD, **values}
    words = [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
    return run(module, "plan", "-no-color", "-input=false", *words)
