"""A program can import the data contract without Beam: one second instead of five."""

import subprocess
import sys

from tests.support.paths import ROOT


def test_importing_schemas_loads_no_beam():
    modules = sorted(
        f"schemas.{path.stem}" for path in ROOT.joinpath("schemas").glob("*.py") if path.stem != "__init__"
    )
    code = f"import sys, {', '.join(modules)}\n"
    code += "print([name for name in sys.modules if name.split('.')[0] in ('apache_beam', 'grpc')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
