"""Programs that a test needs and that pip does not bring."""

import os
import shutil
from typing import NoReturn

import pytest


def require(tool: str, why: str) -> str:
    """Return the path of a program: $TOOL (its name in capitals), or else the one on PATH.

    Without it the test is skipped with the reason; under CI (`CI=true`) it fails, so that nothing is skipped unseen.
    """
    name = tool.upper().replace("-", "_")
    found = shutil.which(os.environ.get(name) or tool)
    if found:
        return found
    skip_or_fail(f"{tool} is not installed (not on PATH, nor named by {name}): {why}")


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test with a reason; fail it under CI."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
