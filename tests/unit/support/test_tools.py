"""A tool that is not there skips a test on a user's machine and fails it under CI."""

import pytest

from tests.support.tools import require


def test_a_missing_tool_skips_with_the_reason(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no-such-tool is not installed .*: to see"):
        require("no-such-tool", "to see")


def test_under_ci_it_fails(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool is not installed"):
        require("no-such-tool", "to see")


def test_the_environment_may_name_it(monkeypatch):
    monkeypatch.setenv("NO_SUCH_TOOL", "sh")
    assert require("no-such-tool", "to see").endswith("/sh")
