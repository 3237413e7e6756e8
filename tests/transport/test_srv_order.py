"""RFC 2782: priorities strictly, weights as shares."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trunkline.transport.srv_order import Srv, in_order

small = st.integers(0, 5) | st.just(65_535)
records = st.lists(st.builds(Srv, small, small, st.just(5060), st.sampled_from("abcdefgh")), max_size=12)


@given(records, st.randoms(use_true_random=False))
def test_every_record_comes_once_and_priorities_in_order(given_records: list[Srv], chance: random.Random) -> None:
    ordered = in_order(given_records, chance.random)
    assert Counter(ordered) == Counter(given_records)
    assert [record.priority for record in ordered] == sorted(record.priority for record in given_records)


def test_weights_are_shares() -> None:
    pool = [Srv(1, 60, 5060, "a"), Srv(1, 30, 5060, "b"), Srv(1, 10, 5060, "c"), Srv(0, 0, 5060, "first")]
    chance = random.Random(7)
    drawn = Counter(tuple(record.target for record in in_order(pool, chance.random))[1] for _ in range(20_000))
    assert abs(drawn["a"] / 20_000 - 0.6) < 0.015
    assert abs(drawn["b"] / 20_000 - 0.3) < 0.015
    assert abs(drawn["c"] / 20_000 - 0.1) < 0.015


def test_no_weight_beside_weights_has_a_small_chance() -> None:
    pool = [Srv(1, 50, 5060, "heavy"), Srv(1, 0, 5060, "light")]
    chance = random.Random(7)
    drawn = Counter(in_order(pool, chance.random)[0].target for _ in range(20_000))
    assert 0 < drawn["light"] < 20_000 * 0.03


def test_the_ends_of_chance_choose_the_ends_of_the_list() -> None:
    pool = [Srv(1, 1, 1, "a"), Srv(1, 2, 2, "b"), Srv(1, 3, 3, "c")]
    assert [record.target for record in in_order(pool, lambda: 0.0)] == ["a", "b", "c"]
    assert [record.target for record in in_order(pool, lambda: 1.0 - 2**-53)] == ["c", "b", "a"]
