"""The page of deployment names the steps that an update from version 0.1.0 refuses: those whose state has another name."""

import re

import yaml

from tests.support.paths import ROOT

DATA = ROOT / "tests" / "data"


def refused() -> set[str]:
    """Return the steps of version 0.1.0 that this version has not, or not with all their state."""
    old = yaml.safe_load((DATA / "names_0_1_0.yaml").read_text())["streaming_state"]
    new = yaml.safe_load((DATA / "names.yaml").read_text())["streaming_state"]
    return {step for step, state in old.items() if set(state) - set(new.get(step, []))}


def test_the_page_names_the_refused_steps_and_no_others():
    part = (ROOT / "docs" / "deploy.md").read_text().split("### From version 0.1.0")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", part, re.M)) == refused()
    assert "launch drain" in part
