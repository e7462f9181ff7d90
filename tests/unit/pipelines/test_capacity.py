"""`plan`: the arithmetic is that of the page, grows with the rate, and names the limit that binds and what to change."""

import json

import pytest

from pipelines.capacity import Load, Measured, capacity
from tests.support.command import run_command
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "capacity.md"


def test_the_page_shows_what_the_command_prints():
    code, out, _ = run_command("plan")
    assert code == 0
    assert out.rstrip() in PAGE.read_text()


def test_the_figures_of_the_page_are_the_models():
    measured, text = Measured(), PAGE.read_text()
    for value in (
        measured.cpu_seconds_per_million,
        measured.message_bytes,
        measured.bigquery_bytes,
        measured.lake_bytes,
    ):
        assert f"| {value:g}" in text


def test_everything_grows_with_the_rate():
    small, large = capacity(Load(1_000)), capacity(Load(100_000))
    assert large.vcpus == pytest.approx(100 * small.vcpus)
    assert large.bigquery_mb_s == pytest.approx(100 * small.bigquery_mb_s)
    assert large.dedup_state_gb == pytest.approx(100 * small.dedup_state_gb)
    assert large.workers > small.workers == 1


def test_larger_workers_are_fewer():
    rows = {}
    for vcpus in (2, 8):
        code, out, _ = run_command("plan", "--rate", "100000", "--vcpus_per_worker", str(vcpus))
        assert code == 0
        [rows[vcpus]] = [int(line.split()[-1]) for line in out.splitlines() if line.startswith("workers")]
    assert rows == {2: 13, 8: 4}


def test_an_exceeded_limit_is_named_with_a_change():
    plan = capacity(Load(1_000_000))
    assert plan.binding
    assert all(limit.share > 1 and limit.change for limit in plan.binding)
    assert [limit.share for limit in plan.binding] == sorted((limit.share for limit in plan.binding), reverse=True)


def test_more_cpu_per_event_needs_more_workers():
    assert capacity(Load(100_000), Measured(cpu_seconds_per_million=570)).workers > 9 * capacity(Load(100_000)).workers


def test_json_is_for_programs():
    code, out, _ = run_command("plan", "--rate", "5000", "--format", "json")
    assert (code, json.loads(out)[0]["load"]["rate"]) == (0, 5000)


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
def test_a_rate_that_is_none_is_a_mistake(rate):
    code, _, err = run_command("plan", "--rate", rate)
    assert (code, "--rate" in err) == (2, True)
