"""Identifiers: never the same twice, the same again from the same seed, steerable by their worker."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.token import MAGIC_COOKIE, Tokens


@given(st.binary(min_size=1, max_size=64), st.integers(1, 200))
def test_the_same_seed_gives_the_same_again(seed: bytes, count: int) -> None:
    one, two = Tokens("w0", seed), Tokens("w0", seed)
    assert [one.token() for _ in range(count)] == [two.token() for _ in range(count)]


@given(st.binary(max_size=32), st.binary(max_size=32))
def test_another_seed_gives_others(first: bytes, second: bytes) -> None:
    if first == second:
        return
    one, two = Tokens("w0", first), Tokens("w0", second)
    assert not {one.token() for _ in range(50)} & {two.token() for _ in range(50)}


def test_none_comes_twice() -> None:
    tokens = Tokens("a9", b"seed")
    made = [tokens.token() for _ in range(20_000)] + [tokens.branch().removeprefix(MAGIC_COOKIE) for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"a9[0-9a-f]{20}", token) for token in made)


def test_branches_carry_the_cookie() -> None:
    assert Tokens("w0", b"s").branch().startswith("z9hG4bKw0")


def test_chance_is_spread_over_zero_to_one() -> None:
    tokens = Tokens("w0", b"s")
    numbers = [tokens.chance() for _ in range(4000)]
    assert all(0 <= number < 1 for number in numbers)
    tenths = [sum(1 for number in numbers if tenth <= number * 10 < tenth + 1) for tenth in range(10)]
    assert min(tenths) > 300


@pytest.mark.parametrize("worker", ["", "a", "abc", "a-", "é1"])
def test_a_worker_is_two_letters_or_digits(worker: str) -> None:
    with pytest.raises(ValueError, match="two letters"):
        Tokens(worker, b"s")
