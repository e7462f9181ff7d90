"""Token buckets per caller."""

import pytest

from services.api.http import limits
from services.api.http.limits import RateLimiter
from services.api.http.problems import Problem


def test_a_bucket_empties_refills_and_is_the_callers_own():
    now = [0.0]
    limiter = RateLimiter(2.0, 3, clock=lambda: now[0])
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(Problem) as error:
        limiter.take("a")
    assert (error.value.status, error.value.headers["Retry-After"]) == (429, "1")
    limiter.take("b")
    now[0] = 0.5
    limiter.take("a")
    with pytest.raises(Problem):
        limiter.take("a")
    now[0] = 100
    for _ in range(3):
        limiter.take("a")


def test_callers_beyond_the_bound_are_forgotten(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CALLERS", 10)
    limiter = RateLimiter(1.0, 1, clock=lambda: 0.0)
    for number in range(1000):
        limiter.take(f"caller-{number}")
    assert len(limiter._buckets) == 10


def test_no_rate_is_no_limit():
    limiter = RateLimiter(0, 1)
    for _ in range(100):
        limiter.take("a")
