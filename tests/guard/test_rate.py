from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.rate import Rate, Rates


class _Bucket:
    """The model: tokens that are counted and refilled."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.tokens = rate.burst
        self.at = 0.0

    def take(self, now: float) -> bool:
        self.tokens = min(self.rate.burst, self.tokens + (now - self.at) * self.rate.per_second)
        self.at = now
        if self.tokens < 1.0 - 1e-6:
            return False
        self.tokens -= 1.0
        return True


@given(
    st.sampled_from([Rate(1.0), Rate(2.0, 4.0), Rate(0.5, 2.0), Rate.of(10.0), Rate.of(0.2)]),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]), max_size=60),
)
def test_it_allows_what_a_bucket_of_tokens_allows(rate: Rate, pauses: list[float]) -> None:
    rates, model, now = Rates(), _Bucket(rate), 0.0
    for pause in pauses:
        now += pause
        free = not rates.wait("k", rate, now)
        assert free == model.take(now)
        if free:
            rates.take("k", rate, now)


@given(st.floats(0.1, 1000.0), st.integers(1, 50))
def test_after_the_wait_it_told_there_is_a_token(per_second: float, taken: int) -> None:
    rates, rate = Rates(), Rate.of(per_second)
    for _ in range(taken):
        rates.take("k", rate, 5.0)
    wait = rates.wait("k", rate, 5.0)
    assert rates.wait("k", rate, 5.0 + wait + 1e-6) == 0.0


def test_asking_takes_nothing() -> None:
    rates, rate = Rates(), Rate(1.0)
    assert rates.wait("k", rate, 0.0) == rates.wait("k", rate, 0.0) == 0.0
    assert len(rates) == 0
    rates.take("k", rate, 0.0)
    assert rates.wait("k", rate, 0.0) == pytest.approx(1.0)
    assert rates.wait("other", rate, 0.0) == 0.0


def test_the_table_is_bounded_and_forgets_who_was_not_seen_longest() -> None:
    rates, rate = Rates(limit=3), Rate(0.001)
    for key in ("a", "b", "c", "a", "d"):
        rates.take(key, rate, 0.0)
    assert len(rates) == 3
    assert rates.wait("b", rate, 0.0) == 0.0
    assert all(rates.wait(key, rate, 0.0) > 0 for key in "acd")


def test_full_buckets_are_forgotten_without_a_difference() -> None:
    rates, rate = Rates(), Rate(1.0, 2.0)
    rates.take("a", rate, 0.0)
    rates.take("b", rate, 0.5)
    rates.expire(1.0)
    assert len(rates) == 1
    rates.expire(2.0)
    assert len(rates) == 0
